"""What each page shows: turns answers of the store into words, rows and charts, without HTML."""
