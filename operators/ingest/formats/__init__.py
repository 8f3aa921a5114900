"""The forms in which messages come, a file each."""
