"""Which requests are judged, and by whom: `[evaluate]` and what all `[[evaluator]]` have in common.

The kinds are in `operators/evaluators`, a file each.
"""

from hashlib import blake2b
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from operators.policy.fields import As
from operators.policy.reading import Duration, Name, Positive, Share, span

# Why a request is judged: by the rate for all, by a slice's larger rate, or because a user complained.
Sample = Literal["share", "floor", "report"]
Patterns = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(min_length=1)]


class Rate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[[evaluate.rate]]`: the `share` of requests judged of models and versions, given as file-name patterns.

    With `slices` it is a floor: requests drawn beyond the rate for all are marked, and count for slices alone.
    """

    share: Share
    model: str = "*"
    version: str = "*"
    slices: dict[str, str] = {}


class Evaluate(msgspec.Struct, kw_only=True, frozen=True):
    """`[evaluate]`: the `share` of the requests that is judged, unless a `rate` or an evaluator says otherwise.

    When judging lags more than `behind_max` behind the input, the share is halved for all alike, and again for each
    further `behind_max`. At most `text_chars_max` characters of a text are judged. At most `waiting_max` requests of a
    partition wait for judgement; at that limit no more are read. `references` names a file of inputs with their
    expected answers.
    """

    share: Share = 0.05
    rate: tuple[Rate, ...] = ()
    behind_max_ms: Annotated[int, As(Duration, lambda each: each.value.ms, lambda ms: Duration(span(ms)))] = 300_000
    text_chars_max: Positive = 16_000
    waiting_max: Annotated[int, Meta(ge=10, le=100_000)] = 2_000
    references: str | None = None


class AnswerEvaluator(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: whose answers it judges, what they must have passed before, and its feedback's name.

    `share` is its own rate; None: that of `[evaluate]`. It judges only what the evaluators in `after` have passed.
    `unversioned` names the fields that change no score.
    """

    keys: ClassVar[tuple[str, ...]] = ("kind",)
    unversioned: ClassVar[frozenset[str]] = frozenset({"name", "models", "after", "share", "feedback"})
    wording: ClassVar[str] = ""  # Those of rollguard's own words that change a score.

    name: Name
    models: Patterns = ("*",)
    after: str | None = None
    share: Share | None = None
    feedback: Literal["judge", "safety"] = "judge"

    @property
    def source(self) -> str:
        """Return the source that its feedback names: its name, and a hash of all that changes a score."""
        fields = [name for name in self.__struct_fields__ if name not in self.unversioned]
        named = {name: getattr(self, name) for name in fields} | {"": [type(self).__name__, self.wording]}
        digest = blake2b(msgspec.json.encode(named, order="sorted"), digest_size=6).hexdigest()
        return f"{self.name}@{digest}"
