"""`rollguard archive`: every event a row of ClickHouse, beside the monitor and apart from it."""
