"""An SLI that a policy no longer has: it counts nothing, but keeps its saved column (`policy/layout.py`)."""

import numpy as np

from operators.arrays import Ints
from operators.ingest.slis.kind import NOT_MEANT, Numbers, SliKind
from operators.policy.sli import Retired


def _classify(sli: Retired, numbers: Numbers, errors: Ints) -> Ints:
    return np.full(len(errors), NOT_MEANT)


KIND = SliKind(good="", sli=Retired, words=lambda sli: "nothing", classify=_classify)
