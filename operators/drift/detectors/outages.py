"""Hours that are far off all others: few of them, however far, say little of how far a series strays.

Without this one hour's outage, hundreds of deviations off, made each change of the four weeks after it look small.
"""

import numpy as np

from operators.arrays import Floats

RARE_MIN, RARE = 2, 0.04  # Values, and their share, that may be far off without making others likely.
FAR = 3.0


def median(values: Floats) -> float:
    """Return what `np.median` does of finite values, of which there is one at least, in a fifth of the time.

    >>> median(np.array([3.0, 0.0, 1.0])), median(np.array([3.0, 1.0]))
    (1.0, 2.0)
    """
    rising = np.sort(values)
    return float((rising[(len(rising) - 1) // 2] + rising[len(rising) // 2]) / 2)


def without_outages(values: Floats) -> Floats:
    """Return values, the few that are far off their median no further than FAR times as far as those that come next.

    NaN stay.

    >>> without_outages(np.array([0.0, 1.0, -1.0, 0.0, 2.0, 0.0, 900.0]))
    array([ 0.,  1., -1.,  0.,  2.,  0.,  6.])
    """
    known = values[np.isfinite(values)]
    rare = RARE_MIN + int(len(known) * RARE)
    if len(known) < rare:
        return values
    usual = median(known)
    far = FAR * np.sort(np.abs(known - usual))[-rare]
    return np.asarray(np.minimum(np.maximum(values, usual - far), usual + far))
