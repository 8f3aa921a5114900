"""What a type of control event brings: its words, its page, and what it means to those who follow incidents.

A type is one file beside this one, and one line in `registry.py`. Who says it, and when, is a matter of
`operators/release`; what gateways do, of `gateway/routing_state.py`.
"""

from typing import Literal

import msgspec

Lasting = Literal["withdrawal", "hold"]


class EventKind(msgspec.Struct, frozen=True, kw_only=True):
    """A type of control event: `name` stands in its field `type`.

    `says` is its sentence, `over` that of its end, with the words of `operators/release/sentence.py` in braces; without
    `over` the first is said to be over. `style` is how it is printed. `page` is its runbook, where that is not its
    rule's. `harm`: it shows how requests fail and what monitors found. `withdraws`: it takes its version out. `notice`:
    it is told once, and begins nothing.

    `begins` is what it begins of its version, `ends` what of that is over with it.
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
