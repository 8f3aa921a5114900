"""Numbers that events and feedback carry: which are allowed, and which are summed."""

import re

import msgspec

EVENT_FIELDS = ("latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "score")
FEEDBACK_FIELDS = tuple(f"feedback.{kind}" for kind in ("label", "judge", "thumbs", "edit", "safety", "kpi"))
REPEATED = "repeated"  # The column that says which criterion of a request was judged before; no field has this name.
FIELDS_ALLOWED = "must be one of " + ", ".join((*EVENT_FIELDS, "metrics.NAME", *FEEDBACK_FIELDS, "feedback.KIND.NAME"))


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A number on an event (or `feedback.KIND`), summed in units of 10 ** -digits; `retired`: no longer summed."""

    name: str
    digits: int
    retired: bool = False

    @property
    def on_feedback(self) -> bool:
        return self.name.startswith("feedback.")


def is_field(name: str) -> bool:
    """Tell whether `name` is a number that an event or feedback may carry."""
    kinds = "|".join(map(re.escape, FEEDBACK_FIELDS))
    named = re.fullmatch(rf"(metrics|{kinds})\.[A-Za-z_][A-Za-z0-9_.-]{{0,63}}", name)
    return name in EVENT_FIELDS or name in FEEDBACK_FIELDS or named is not None
