"""What of the requests is judged, and by whom: `[evaluate]` and what all `[[evaluator]]` have in common.

The kinds are in `operators/evaluators`, a file each.
"""

from hashlib import blake2b
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from operators.policy.fields import As
from operators.policy.reading import Duration, Name, Positive, Share, span

# Why a request is judged: by its rate for all, by the larger one of a slice, or because a user complained.
Sample = Literal["share", "floor", "report"]
Patterns = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(min_length=1)]


class Rate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[[evaluate.rate]]`: the `share` of the requests of models and versions, by patterns as of file names.

    With `slices` it is a floor: what is drawn beyond the rate for all is marked, and counts for slices alone.
    """

    share: Share
    model: str = "*"
    version: str = "*"
    slices: dict[str, str] = {}


class Evaluate(msgspec.Struct, kw_only=True, frozen=True):
    """`[evaluate]`: the `share` of the requests that is judged, unless a `rate` or an evaluator says otherwise.

    Where judging is further than `behind_max` behind what comes, it is halved for all alike, and again for each further
    such time. Of a text no more than `text_chars_max` characters are judged. Of a partition at most `waiting_max`
    requests wait for their judgement: then no more is read. `references` names a file of inputs with the
    answers that are expected.
    """

    share: Share = 0.05
    rate: tuple[Rate, ...] = ()
    behind_max_ms: Annotated[int, As(Duration, lambda each: each.value.ms, lambda ms: Duration(span(ms)))] = 300_000
    text_chars_max: Positive = 16_000
    waiting_max: Annotated[int, Meta(ge=10, le=100_000)] = 2_000
    references: str | None = None


class AnswerEvaluator(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: whose answers it judges, what must have passed before, and what its feedback is called.

    `share` is its own rate; None: that of `[evaluate]`. Of `after` evaluators alone what they passed is judged.
    Fields that change no score are `unversioned`.
    """

    keys: ClassVar[tuple[str, ...]] = ("kind",)
    unversioned: ClassVar[frozenset[str]] = frozenset({"name", "models", "after", "share", "feedback"})
    wording: ClassVar[str] = ""  # What of rollguard's own words changes a score.

    name: Name
    models: Patterns = ("*",)
    after: str | None = None
    share: Share | None = None
    feedback: Literal["judge", "safety"] = "judge"

    @property
    def source(self) -> str:
        """Return what its feedback names as its source: its name, and a hash of all that changes a score."""
        fields = [name for name in self.__struct_fields__ if name not in self.unversioned]
        named = {name: getattr(self, name) for name in fields} | {"": [type(self).__name__, self.wording]}
        digest = blake2b(msgspec.json.encode(named, order="sorted"), digest_size=6).hexdigest()
        return f"{self.name}@{digest}"
