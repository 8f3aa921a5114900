"""ClickHouse, served or embedded: the only importers of its clients."""
