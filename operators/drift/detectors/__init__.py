"""Change detectors on one series of numbers."""
