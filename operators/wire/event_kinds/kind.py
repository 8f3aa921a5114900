"""What defines a type of control event: its words, its runbook, and what it means for incidents.

A type is one file beside this one, and one line in `registry.py`. `operators/release` decides when it is sent,
`gateway/routing_state.py` what gateways do.
"""

from typing import Literal

import msgspec

Lasting = Literal["withdrawal", "hold"]


class EventKind(msgspec.Struct, frozen=True, kw_only=True):
    """A type of control event: `name` stands in its field `type`.

    `says` is its sentence, `over` the sentence of its end, with the words of `operators/release/sentence.py` in braces;
    without `over` the first sentence is said to be over. `style` is how it is printed. `page` is its runbook, where
    that is not its rule's. `harm`: it shows how requests fail and what monitors found. `withdraws`: it takes its
    version out. `notice`: it is sent once, and begins nothing.

    `begins` names what it begins for its version, `ends` what it ends.
    """

    name: str
    says: str
    over: str = ""
    style: Literal["yellow", "bold red", "green"]
    page: str | None = None
    harm: bool = False
    withdraws: bool = False
    notice: bool = False
    begins: Lasting | None = None
    ends: tuple[Lasting, ...] = ()
