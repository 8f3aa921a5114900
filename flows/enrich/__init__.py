"""`rollguard enrich`: feedback that names a request alone gets the context that the request log has of it."""
