"""`arrow`: Arrow IPC streams of record batches, for producers of millions of events."""
