"""The only importers of client libraries: files, ClickHouse."""
