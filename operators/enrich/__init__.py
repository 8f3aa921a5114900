"""Feedback that only names a request, joined with what the request log has of that request."""
