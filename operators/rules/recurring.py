"""How often the same users, sessions and requests come again during a release, and which of their events then count.

Users differ: one fails often, another never. Where few users stay with one version each, the candidate's may be the
worse ones by chance, and no number of their requests shows otherwise: what counts is how many users there are. One
event of each in a pane would count a user as often as there are panes. So of the chains of a pane (`chains.py`) a share
counts, drawn by their hashes:

    share = 1 / A,    A = sum of a^2 / sum of a,

where a is the number of panes that a chain was in so far, from the release on: A is that number for the chain of a
typical event. A chain that comes in every pane counts about ln(panes) times over a whole release, and one that comes
once always counts: with many users nothing is left out. The share follows from earlier panes and from who came, not
from the outcomes. Each version has its own: ten testers of a candidate are not many users because the baseline has a
million.

A is taken from the `CHAINS_MAX` chains with the smallest hashes of all that came, a fair sample in which each has been
counted from its first time on (a chain once left out for smaller ones never comes back). Memory: 8 KB a version.

Source: E. Cohen, H. Kaplan, "Summarizing data using bottom-k sketches", PODC 2007, 225-234; the weight A - 1 times the
correlation within a chain is the design effect of L. Kish, "Survey Sampling" (1965), section 5.4.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.comparison import Comparison
from operators.rules.pane_counts import ComparedChains
from operators.window.chains import COMPARED

CHAINS_MAX = 512
_NONE = np.zeros(0, np.int64)


class Recurring(msgspec.Struct, kw_only=True):
    """One version of a release: the sampled `chains`, rising, and the number of `panes` that each was in."""

    chains: Ints = _NONE
    panes: Ints = _NONE

    @property
    def share(self) -> float:
        """Return the share of the chains of the next pane that counts."""
        panes: Floats = self.panes.astype(float)
        return float(panes.sum() / (panes * panes).sum()) if len(panes) else 1.0

    def take(self, chains: Ints) -> None:
        """Take the chains that a pane had, each once; nonnegative.

        >>> recurring = Recurring()
        >>> for pane in range(4):
        ...     recurring.take(np.array([7, 100 + pane]))
        >>> recurring.panes.tolist(), recurring.share
        ([4, 1, 1, 1, 1], 0.4)
        """
        every = np.concatenate([self.chains, chains])
        once = np.concatenate([self.panes, np.ones(len(chains), np.int64)])
        known, which = np.unique(every, return_inverse=True)
        panes = np.bincount(which, weights=once, minlength=len(known)).astype(np.int64)
        self.chains, self.panes = known[:CHAINS_MAX], panes[:CHAINS_MAX]


def left_out(recurring: Recurring, chains: ComparedChains | None, slots: Collection[int]) -> dict[int, Ints]:
    """Return what does not count of these slots because it comes again and again, good and bad (S, 2) by slot.

    The chains are learned, for the panes that follow.
    """
    mine = np.flatnonzero(np.isin(chains.slot, list(slots))) if chains is not None else _NONE
    if chains is None or not len(mine):
        return {}
    out = mine[chains.key[mine] >= recurring.share * 2.0**63]
    recurring.take(chains.chain[mine])
    kinds = np.stack([chains.classes[out] == kind for kind in range(COMPARED)], axis=2)
    return {slot: kinds[chains.slot[out] == slot].sum(axis=0) for slot in np.unique(chains.slot[out]).tolist()}


def by_version(known: Mapping[Any, Recurring]) -> dict[tuple[Comparison, int], Recurring]:
    """Return what is known of each version; older workers kept both versions of a release together, under its name.

    >>> release = Comparison("m", "v2", "v1", since=1, begins=1)
    >>> list(by_version({release: Recurring()})) == [(release, 0), (release, 1)]
    True
    """
    each: dict[tuple[Comparison, int], Recurring] = {}
    for key, one in known.items():
        both = [(key, 0), (key, 1)] if isinstance(key, Comparison) else [key]
        each |= {of: msgspec.structs.replace(one) for of in both}
    return each
