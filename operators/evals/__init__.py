"""Eval cases: failures that were understood, kept as tests that later versions have to pass."""
