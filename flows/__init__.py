"""What runs: the dataflows, the command line and the settings that wire `operators` together."""
