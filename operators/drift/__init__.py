"""Has the world, the input or the judge changed? Engine-free scores and detectors, one per file."""
