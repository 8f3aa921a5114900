"""Slice dimensions for which events have a field of their own: it counts where `slices` does not say otherwise.

So with `endpoint` as a dimension producers need not send it twice. The request log keeps the slices of a request in
this form, and feedback that is joined with it gets them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from operators.ingest.formats.format import Decoded, ItemDecoder
from operators.ingest.messages import Messages
from operators.policy.policy import Policy
from operators.wire.events import Event

OWN = ("endpoint", "prompt_version", "team")


def own_dimensions(policy: Policy) -> tuple[str, ...]:
    """Return the slice dimensions of a policy, or of any of several, for which events have a field of their own."""
    return tuple(name for name in OWN if any(name in each.dimensions for each in policy.each))


def slicing(decoder: ItemDecoder, policy: Policy) -> ItemDecoder:
    """Return a decoder whose events have these fields among their slices."""
    names = own_dimensions(policy)
    return _Slicing(decoder, names) if names else decoder


class _Slicing:
    def __init__(self, decoder: ItemDecoder, names: Sequence[str]) -> None:
        self._decoder, self._names = decoder, names

    @property
    def again(self) -> Callable[[bytes], Any] | None:
        again = self._decoder.again
        return None if again is None else lambda text: _sliced(again(text), self._names)

    def decode(self, messages: Messages) -> Decoded:
        decoded = self._decoder.decode(messages)
        return msgspec.structs.replace(decoded, items=[_sliced(item, self._names) for item in decoded.items])


def slices_of(item: Any, names: Sequence[str] = OWN) -> dict[str, str]:
    """Return the slices of an event or feedback, with its own fields where `slices` does not say otherwise."""
    own = {name: value for name in names if (value := getattr(item, name, None))}
    return own | (item.slices or {})


def _sliced(item: Any, names: Sequence[str]) -> Any:
    if isinstance(item, Event):  # Feedback and commands have no such fields.
        item.slices = slices_of(item, names) or None
    return item
