"""`rollguard reference`: frozen profiles of fields from a time when all was well, from files or from the store."""
