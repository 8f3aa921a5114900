"""`estimated`: an answer is good with the chance that the labels so far give its score: quality before labels.

At ingest every event is neither; how many count as good and bad is decided when their pane closes, by the labels of the
version that came before (`window/estimating.py`). An event without a score, or with one that no label had, stays
neither, and so do all events of a version with too few labels.
"""

import numpy as np

from operators.arrays import Ints
from operators.ingest.slis.kind import Numbers, SliKind
from operators.policy.errors import PolicyError
from operators.policy.reading import Positive
from operators.policy.sli import Sli
from operators.window.partial import NEITHER


class EstimatedSli(Sli, frozen=True, kw_only=True):
    """Versions with fewer than `labels_min` labels have no estimate."""

    labels_min: Positive = 500

    @property
    def estimated_from(self) -> int | None:
        return self.labels_min


def _check(sli: EstimatedSli, key: str) -> None:
    if sli.ignore:
        raise PolicyError(f"{key}.ignore", list(sli.ignore), 'has no meaning with good = "estimated": scores count')


def _classify(sli: EstimatedSli, numbers: Numbers, errors: Ints) -> Ints:
    return np.full(len(errors), NEITHER)


KIND = SliKind(
    good="estimated",
    sli=EstimatedSli,
    words=lambda sli: f"right, as often as answers of such a score were by {sli.labels_min:,} labels or more",
    classify=_classify,
    check=_check,
)
