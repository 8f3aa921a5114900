"""`rollguard control`: follows control events, acts on them, and sends commands."""
