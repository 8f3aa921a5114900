"""Signals that a request went wrong, and how bad that is by the policy."""

import msgspec

from operators.archive.redaction import redact
from operators.policy.privacy import Texts
from operators.policy.triage import Triage

SIGNALS_MAX = 100  # Kept per case: the first ones, and the last.
VALUE_MAX = 2_000  # Characters of a comment.
MARGIN = 200  # Characters beyond those, so that nothing is cut in two before it is recognised.
SAFETY = "safety"


class Signal(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One signal: `at` [Unix ms] it was given; `name` is the criterion, flag, error type, field or rule."""

    at: int
    kind: str
    name: str = ""
    source: str = ""
    value: str = ""

    @property
    def reason(self) -> str:
        """Kind and name, which tell cases apart.

        >>> Signal(at=0, kind="judge", name="helpful").reason
        'judge helpful'
        """
        return f"{self.kind} {self.name}".strip()


def is_unsafe(signal: Signal, triage: Triage) -> bool:
    """Whether a signal says that the answer was unsafe."""
    return signal.kind == SAFETY or (signal.kind == "flag" and signal.name in triage.unsafe_flags)


def severity_of(signal: Signal, triage: Triage) -> float:
    """Return how bad a signal is by the policy."""
    kind = SAFETY if is_unsafe(signal, triage) else signal.kind
    return float(getattr(triage.severity, kind))


def comment(text: str, texts: Texts) -> str:
    """Return a comment in the form in which the policy keeps texts.

    >>> comment("wrong, ask ann@example.org", "redacted"), comment("wrong", "none")
    ('wrong, ask [EMAIL]', '')
    """
    if texts == "none":
        return ""
    kept = text[: VALUE_MAX + MARGIN]
    return (redact(kept)[0] if texts == "redacted" else kept)[:VALUE_MAX]
