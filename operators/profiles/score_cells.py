"""Bins of confidence, which no profile has, for scores, and for labels by the score of their answer."""

import math

from operators.profiles.profile import Field
from operators.stats.calibration import CELLS

CUTS = tuple(cell / CELLS for cell in range(1, CELLS))
# Bins of the numbers that labels are counted as (`operators/ingest/calibrated.py`): cells of wrong, then right answers.
LABELS = Field(
    kind="number",
    edges=(*CUTS, 1.0, *(1.0 + cut for cut in CUTS)),  # Computed as those numbers are, rounding included.
    counts=(1,) * (2 * CELLS) + (0, 0),
    cardinality=2 * CELLS,
)
# Bins of scores: below 0, the cells, above 1.
SCORES = Field(
    kind="number",
    edges=(0.0, *CUTS, math.nextafter(1.0, 2.0)),
    counts=(1,) * (CELLS + 2) + (0, 0),
    cardinality=CELLS + 2,
)
SCORED = slice(1, 1 + CELLS)  # The cells among the bins of SCORES.
BELOW, ABOVE = 0, 1 + CELLS  # Bins of scores that are not a confidence.
LABELLED = slice(0, 2 * CELLS)  # The cells among the bins of LABELS.
