"""`arrow`: Arrow IPC streams of record batches, for those who produce millions of events."""
