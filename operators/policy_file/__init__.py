"""Reads a policy file, checks it and turns it into typed values; this layer knows all kinds."""
