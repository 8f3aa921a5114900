"""What a closed pane shows of one model, made of the counts of a shard: the context of all that is decided of it."""

import re
from collections.abc import Mapping, Sequence

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.release.model import PaneContext
from operators.release.seen import NOTHING_SEEN, Seen
from operators.rules.current import UNKNOWN as NOT_KNOWN
from operators.rules.current import Current
from operators.rules.pane_counts import PaneCounts
from operators.rules.spreads import Values
from operators.window.series_index import ALL_VERSIONS, SliceSeries
from operators.wire.mirrored import is_mirrored, mirrored

Places = Mapping[tuple[str, str], int]  # By version and slice: its row in the counts.


def places_of(counts: PaneCounts, names: Sequence[SliceSeries]) -> dict[str, dict[tuple[str, str], int]]:
    """Return by model where in the counts each (version, slice) is."""
    places: dict[str, dict[tuple[str, str], int]] = {}
    for row, slot in enumerate(counts.slots.tolist()):
        model, version, text, _ = names[slot]
        places.setdefault(model, {})[version, text] = row
    return places


class Contexts:
    """Makes contexts under one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        producer = policy.releases.producer
        # Slices of the dimension alone, none of its crosses.
        self._producer = None if producer is None else re.compile(re.escape(producer) + r"=(?:[^,\\]|\\.)*")

    def of(
        self,
        counts: PaneCounts,
        places: Places,
        seen: Seen = NOTHING_SEEN,
        model: str = "",
        current: Current | None = None,
        values: Values | None = None,
    ) -> PaneContext:
        """Return the context of a model, whose versions and slices are at these places."""
        requests = {version: int(counts.events[row]) for (version, text), row in places.items() if text == "*"}
        copies = {version: requests.pop(version) for version in sorted(requests) if is_mirrored(version)}
        requests.pop(ALL_VERSIONS, None)
        copies.pop(mirrored(ALL_VERSIONS), None)

        def slis(version: str, text: str) -> Ints | None:
            row = places.get((version, text))
            return None if row is None else counts.slis[row]

        def producers(version: str) -> dict[str, Ints]:
            return {
                text: counts.slis[row]
                for (of, text), row in places.items()
                if of == version and self._producer is not None and self._producer.fullmatch(text)
            }

        return PaneContext(
            policy=self.policy,
            pane=counts.pane,
            requests=requests,
            copies=copies,
            slis=slis,
            producers=producers,
            errors=seen.errors.get(model, {}),
            samples=seen.samples.get(model, {}),
            current=lambda rule, version, text, compared=None: (
                NOT_KNOWN if current is None else current.of(rule, (model, version, text), compared)
            ),
            above=lambda version, text, measure, code: (
                (0, 0) if values is None else values.above(model, version, text, measure, code)
            ),
            shift=lambda rule, version, measure, since, code: (
                None if current is None else current.shift(rule, (model, version, measure), since, code)
            ),
        )
