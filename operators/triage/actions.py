"""What people do with cases: rows of an append-only log, from which the state of each case follows."""

import uuid
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from operators.triage.cases import NAMESPACE

Type = Literal["claim", "label", "dismiss", "reopen", "convert"]
# The states of a case in which each action is allowed. A converted case is a test, and stays one.
ALLOWED: dict[Type, tuple[str, ...]] = {
    "claim": ("open", "claimed", "labelled"),
    "label": ("open", "claimed", "labelled", "dismissed"),
    "dismiss": ("open", "claimed", "labelled"),
    "reopen": ("claimed", "labelled", "dismissed"),
    "convert": ("labelled",),
}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One action of a person on a case, `at` [Unix ms]."""

    model: str
    at: int
    case_id: str
    type: Type
    by: str
    root_cause: str = ""
    note: str = ""
    eval_case: str = ""

    @property
    def id(self) -> str:
        """The same for the same action, so that an action that is written twice counts once."""
        return str(uuid.uuid5(NAMESPACE, msgspec.json.encode(self).decode()))


class WrongAction(Exception):
    """The action is not allowed on the case."""


def check(type_: Type, case: str, status: str) -> None:
    """Refuse an action that is not allowed in this state of a case. WrongAction."""
    if status in ALLOWED[type_]:
        return
    why = "label it first: only what is understood becomes a test" if type_ == "convert" else "it is done with"
    if type_ == "reopen":
        why = "it is open already" if status == "open" else "a test stays one"
    raise WrongAction(f"case {case} is {status}: {why}")


def check_cause(root_cause: str, known: Sequence[str]) -> None:
    """Refuse a root cause that the policy does not name. WrongAction."""
    if root_cause not in known:
        raise WrongAction(f"root cause {root_cause!r}: must be one of the policy's, {', '.join(known)}")


def action_columns(action: Action) -> dict[str, Any]:
    """Return an action as a row of table `triage_action`."""
    return {**msgspec.structs.asdict(action), "id": action.id, "ver": 1}
