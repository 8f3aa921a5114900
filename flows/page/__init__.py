"""The live page: what rollguard decides, on what evidence, for people who look at it."""
