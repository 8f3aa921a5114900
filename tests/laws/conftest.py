"""Two sizes of the same laws: `tests`, the same examples in every run, and `prove`, many more, by ROLLGUARD_PROVE=1."""

import os

from hypothesis import settings

settings.register_profile("tests", derandomize=True, deadline=None, max_examples=40, database=None)
settings.register_profile("prove", derandomize=True, deadline=None, max_examples=1_000, database=None)
settings.load_profile("prove" if os.environ.get("ROLLGUARD_PROVE") == "1" else "tests")
