"""What a closed pane shows about each version besides its counts: how requests failed, and samples of them."""

import msgspec
import numpy as np

from operators.window.partial import Partial
from operators.window.picked import pick
from operators.window.samples import Sample


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """By model, then version: `errors` counts requests by error type; `samples` are one or more, in order."""

    errors: dict[str, dict[str, dict[str, int]]] = {}
    samples: dict[str, dict[str, list[Sample]]] = {}

    @classmethod
    def of(cls, part: Partial | None) -> "Seen":
        """Return the errors and samples that a pane shows."""
        seen = cls(errors={}, samples={})
        if part is None:
            return seen
        if any(part.error_types):
            failed = np.array([error != "" for error in part.error_types], bool)
            failures = part.outcomes[(part.outcomes[:, 2] > 0) & failed[part.outcomes[:, 1]]]
            names = pick(part.series, part.which[failures[:, 0]])
            for name, (_, code, n) in zip(names, failures.tolist(), strict=True):
                errors = seen.errors.setdefault(name.model, {}).setdefault(name.version, {})
                error = part.error_types[code]
                errors[error] = errors.get(error, 0) + n
        rows = np.array([row for row, _ in part.samples], np.int64)
        for name, (_, sample) in zip(pick(part.series, part.which[rows]), part.samples, strict=True):
            seen.samples.setdefault(name.model, {}).setdefault(name.version, []).append(sample)
        for versions in seen.samples.values():
            for samples in versions.values():
                if len(samples) > 1:
                    samples.sort()
        return seen


NOTHING_SEEN = Seen()
