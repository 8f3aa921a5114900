"""`rollguard control`: following what rollguard says, doing something about it, and telling it something."""
