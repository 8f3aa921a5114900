"""Tickets: the signed purpose of a form of the page, with who may send it, until when, and under which id."""

import base64
import binascii
import hmac
import time
import uuid
from typing import Literal

import msgspec

from flows.page.security import sign

Kind = Literal["ack", "silence", "override", "kill", "rollback"]
CaseKind = Literal["claim", "label", "dismiss", "convert"]
FORM_S = 3_600


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A command whose form `user` was shown; nothing of it can be changed in the form that comes back.

    `about` is the version, for `ack` the control event, for `silence` the rule, else the case. `id` is the command's,
    so that the command is obeyed once however often the form is sent. `shown` and `until` are Unix times [ms, s].
    """

    kind: Kind | CaseKind
    model: str
    about: str
    user: str
    id: str
    until: int
    shown: int

    @property
    def phrase(self) -> str:
        """The phrase that must be typed to send the form; empty where a click is enough."""
        words = {"override": "run", "kill": "kill", "rollback": "roll back"}
        return f"{words[self.kind]} {self.about}" if self.kind in words else ""


class NoTicket(Exception):
    """The input is not a form of this page, or not this user's, or too old."""


def ticket(kind: Kind | CaseKind, model: str, about: str, user: str) -> Ticket:
    """Return a new one."""
    now = time.time()
    return Ticket(
        kind=kind,
        model=model,
        about=about,
        user=user,
        id=str(uuid.uuid4()),
        until=round(now) + FORM_S,
        shown=int(now * 1_000),
    )


def sealed(made: Ticket, token: str) -> str:
    """Return a ticket as the hidden field of a form."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(made)).decode()
    return f"{body}.{sign(token, f'form {body}')}"


def opened(text: str, token: str, user: str, now: float | None = None) -> Ticket:
    """Return the ticket of a form that comes back from `user`. NoTicket.

    >>> made = ticket("kill", "m", "v2", "ann")
    >>> opened(sealed(made, "x" * 16), "x" * 16, "ann") == made
    True
    >>> opened(sealed(made, "x" * 16), "x" * 16, "bob")
    Traceback (most recent call last):
    flows.page.tickets.NoTicket: the form was made for somebody else
    """
    body, _, signature = text.partition(".")
    if not hmac.compare_digest(signature.encode(), sign(token, f"form {body}").encode()):
        raise NoTicket("this form is not of this page")
    try:
        made = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Ticket)
    except (binascii.Error, msgspec.DecodeError) as error:
        raise NoTicket("this form is not of this page") from error
    if made.user != user:
        raise NoTicket("the form was made for somebody else")
    if made.until <= (time.time() if now is None else now):
        raise NoTicket("the form is older than an hour: look at the page as it is now")
    return made
