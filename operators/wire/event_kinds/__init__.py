"""The types of control events, a file each: what each says, and what it begins and ends."""
