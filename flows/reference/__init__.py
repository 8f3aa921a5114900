"""`rollguard reference`: frozen profiles of what fields looked like when all was well, from files or from the store."""
