"""Control events and commands, on their way out and in."""
