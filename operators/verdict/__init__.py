"""Verdicts: what the counts of closed panes say about a version, a slice, a release."""
