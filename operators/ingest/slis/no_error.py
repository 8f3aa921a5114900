"""`no_error`: an event without an error type is good."""

import numpy as np

from operators.arrays import Ints
from operators.ingest.slis.kind import Numbers, SliKind
from operators.policy.policy import Sli
from operators.window.partial import BAD, GOOD


class NoError(Sli, frozen=True, kw_only=True):
    """It has no keys of its own."""

    @property
    def counts_errors(self) -> bool:
        return True


def _classify(sli: NoError, numbers: Numbers, errors: Ints) -> Ints:
    return np.where(errors > 0, BAD, GOOD)


KIND = SliKind(good="no_error", sli=NoError, words=lambda sli: "no error_type", classify=_classify)
