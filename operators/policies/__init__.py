"""A policy file, read and checked: every wrong value is named by its key, its value and what is allowed there."""
