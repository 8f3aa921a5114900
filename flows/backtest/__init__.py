"""What another policy would have said of the same events."""
