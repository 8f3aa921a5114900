"""Feedback that names a request alone, joined with what the request log says of that request."""
