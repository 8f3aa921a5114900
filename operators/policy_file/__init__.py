"""Reads a policy file, checks it and makes it typed values: here, above them, all kinds are known."""
