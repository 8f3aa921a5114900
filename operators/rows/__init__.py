"""What was found, as rows of every table."""
