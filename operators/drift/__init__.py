"""The kinds of monitors, a file each: have inputs, outputs or scores changed against a reference?"""
