"""What a row of a table is, whatever stores it."""
