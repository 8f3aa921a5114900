"""`rollguard enrich`: adds the request log's context to feedback that names only a request."""
