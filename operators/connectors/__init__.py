"""The only importers of client libraries: files, Kafka, ClickHouse, control events."""
