"""`rollguard archive`: stores every event as a row of ClickHouse, independently of the monitor."""
