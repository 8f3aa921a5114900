"""What each page shows: answers of the store made into words, rows and charts, without HTML."""
