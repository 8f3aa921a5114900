"""Scores, and labels by the score of what they are about, as bins that no profile has: cells of confidence."""

import math

from operators.profiles.profile import Field
from operators.stats.calibration import CELLS

CUTS = tuple(cell / CELLS for cell in range(1, CELLS))
# Of the numbers that labels are counted as (`operators/ingest/calibrated.py`): cells of wrong answers, then of right.
LABELS = Field(
    kind="number",
    edges=(*CUTS, 1.0, *(1.0 + cut for cut in CUTS)),  # As those numbers are made, rounding and all.
    counts=(1,) * (2 * CELLS) + (0, 0),
    cardinality=2 * CELLS,
)
# Of scores: those below 0, the cells, those above 1.
SCORES = Field(
    kind="number",
    edges=(0.0, *CUTS, math.nextafter(1.0, 2.0)),
    counts=(1,) * (CELLS + 2) + (0, 0),
    cardinality=CELLS + 2,
)
SCORED = slice(1, 1 + CELLS)  # The cells among the bins of SCORES.
BELOW, ABOVE = 0, 1 + CELLS  # Those of scores that are no confidence.
LABELLED = slice(0, 2 * CELLS)  # Those of LABELS.
