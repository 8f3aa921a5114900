"""How much of the labels of a pane counts: labels that the same people, or sessions, give again and again count less.

Raters differ: one is strict, another is not. Where few of them stay with one version each, the candidate's may be the
strict ones by chance. So among labels that say whose they are (`user_id`, else `session_id`) one of each chain counts
in a pane, and chains that come again count more rarely (`recurring.py`), as with events. The chain of a label is not
kept with its age, so a share of the labels of both versions counts: the smaller of the two shares of their chains
(`thinning.py`). Requests are not thinned: fewer requests of both versions have a label then, alike.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

from operators.arrays import Ints
from operators.rules.labels import Labels
from operators.rules.pane_counts import ComparedChains
from operators.rules.recurring import Recurring
from operators.window.label_ages import LabelAges
from operators.window.mixing import ODD, hashed, positive, salts_of
from operators.window.partial import NEITHER


def share_of_labels(
    recurring: Recurring, chains: ComparedChains | None, slots: Ints, slis: Mapping[int, int]
) -> dict[int, float]:
    """Return the share of a version's labels that counts in a pane, by SLI, where chains gave any; learn the chains.

    `slots` are the finest slices of the version, `slis` (number in the policy: labels) the SLIs with labels.
    """
    if chains is None or not slis:
        return {}
    numbers = list(slis)
    mine = np.isin(chains.slot, slots) & (chains.classes[:, numbers] < NEITHER).any(axis=1)
    if not mine.any():
        return {}
    of, inside = chains.some(mine), chains.inside[np.isin(chains.slots, slots)]
    share = recurring.share
    recurring.take(of.chain)
    shares = {}
    for sli, every in slis.items():
        chained = min(int(inside[:, sli].sum()), every)
        once = min(int((of.classes[:, sli] < NEITHER).sum()), chained)
        shares[sli] = (every - chained + share * once) / every
    return shares


def thinned_labels(labels: LabelAges, names: Sequence[str], share: float, pane: int) -> LabelAges:
    """Return a share of labels, each count rounded up or down by a hash of what it counts; `names` are those of rows.

    >>> ages = LabelAges(*(np.array([each]) for each in (0, 0, 1, 7, 8, 10)))
    >>> int(sum(thinned_labels(ages, ["eu"], 0.25, pane).n[0] for pane in range(1_000)))
    2493
    """
    text = np.array([crc32(name.encode()) for name in names], np.uint64)[labels.row]
    of = ((labels.lag * 4 + (labels.age - labels.lag).clip(-1, 2) + 1) * 2 + labels.bad).astype(np.uint64) * ODD
    exact = labels.n * share
    whole = np.floor(exact)
    more = positive(hashed(of ^ text ^ salts_of(np.array([pane])))) / 2.0**63 < exact - whole
    n = (whole + more).astype(np.int64)
    some = n > 0
    return LabelAges(*(column[some] for column in labels._replace(n=n)))


def smaller(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Return the smaller share of two versions, by SLI: the same share of both versions' labels counts.

    >>> smaller({0: 0.5, 1: 1.0}, {0: 0.75})
    {0: 0.5, 1: 1.0}
    """
    return {sli: min(one.get(sli, 1.0), other.get(sli, 1.0)) for sli in one.keys() | other.keys()}


def labels_by_sli(labels: Labels, model: str, version: str, slis: Sequence[int]) -> dict[int, int]:
    """Return the number of labels of a version, for those of some SLIs that have any."""
    sums = {sli: int(labels.of(model, version, sli).n.sum()) for sli in slis}
    return {sli: n for sli, n in sums.items() if n}
