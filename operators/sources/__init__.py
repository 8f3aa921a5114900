"""The sources of dataflows: inputs read at a pace, placed and summarised, with their positions saved."""
