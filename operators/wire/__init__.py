"""What crosses a wire, in and out: events, feedback, commands, control events; signatures and seals."""
