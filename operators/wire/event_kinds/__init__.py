"""The types of control events, a file each: their words, and what they begin and end."""
