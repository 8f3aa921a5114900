"""Findings as rows of every table."""
