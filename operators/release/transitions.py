"""The phases of a version, and what moves it from one to another: every transition there is.

One machine runs for each version of a model, because several may be judged at once; what they share (the pin, the
cool-down, the revision) belongs to the model, whose state is that of its most urgent version (`URGENCY`). A version of
which nothing is known is steady. `phase_states.py` has what is known in each other phase, `machine.py` what follows
from a transition.
"""

from typing import Literal

from operators.wire.control import ControlType

Phase = Literal[
    "steady",
    "serving",
    "rolling_out",
    "promoted",
    "rolled_back",
    "verifying",
    "recovered",
    "ineffective",
    "overridden",
]
Signal = Literal[
    "accused",  # a rule that acts is BAD on a version that no release is about
    "released",  # a release begins: by a command, or because a new version serves
    "harmful",  # a rule or somebody takes it out, and there is a version to go to
    "stopped",  # a rule or somebody takes it out, and traffic goes to whatever else may serve
    "passed",  # every canary rule is OK, and nothing holds the promotion
    "recalled",  # somebody takes out a withdrawn version once more, and there is a version to go to
    "shut_out",  # the same, and traffic goes to whatever else may serve
    "applied",  # the candidate's share of traffic has fallen to nearly nothing
    "well",  # the pinned version serves well again
    "absent",  # it has never served, so no traffic has to leave, and no users have to get well
    "overdue",  # neither `applied` nor `well` by the deadline
    "ignored",  # it surely still serves, after gateways have had their time to obey
    "returned",  # a withdrawn version serves, and traffic is pinned away from it
    "barred",  # a withdrawn version serves, and a pin would stop others that may serve
    "overridden",  # somebody lets the candidate run
    "revoked",  # the override is taken back
    "resumed",  # the same, for a version that no release is about
    "ended",  # nothing about it has to be known any more
]

TRANSITIONS: dict[tuple[Phase, Signal], tuple[Phase, ControlType | None]] = {
    ("steady", "accused"): ("serving", None),
    ("steady", "released"): ("rolling_out", None),
    ("steady", "harmful"): ("rolled_back", "rollback"),
    ("steady", "stopped"): ("rolled_back", "kill"),
    ("steady", "overridden"): ("overridden", "alert"),
    ("serving", "released"): ("rolling_out", None),
    ("serving", "harmful"): ("rolled_back", "rollback"),
    ("serving", "stopped"): ("rolled_back", "kill"),
    ("serving", "overridden"): ("overridden", "alert"),
    ("serving", "ended"): ("steady", None),
    ("rolling_out", "released"): ("rolling_out", None),
    ("rolling_out", "passed"): ("promoted", "promote"),
    ("rolling_out", "harmful"): ("rolled_back", "rollback"),
    ("rolling_out", "stopped"): ("rolled_back", "kill"),
    ("rolling_out", "overridden"): ("overridden", "alert"),
    ("rolling_out", "ended"): ("steady", None),
    ("promoted", "released"): ("rolling_out", None),
    ("promoted", "harmful"): ("rolled_back", "rollback"),
    ("promoted", "stopped"): ("rolled_back", "kill"),
    ("promoted", "overridden"): ("overridden", "alert"),
    ("promoted", "ended"): ("steady", None),
    ("rolled_back", "released"): ("rolling_out", None),
    ("rolled_back", "applied"): ("verifying", "rollback_applied"),
    ("rolled_back", "absent"): ("recovered", None),
    ("rolled_back", "overdue"): ("ineffective", "rollback_ineffective"),
    ("rolled_back", "ignored"): ("ineffective", "rollback_ineffective"),
    ("rolled_back", "recalled"): ("rolled_back", "rollback"),
    ("rolled_back", "shut_out"): ("rolled_back", "kill"),
    ("rolled_back", "returned"): ("rolled_back", "rollback"),
    ("rolled_back", "barred"): ("rolled_back", "kill"),
    ("rolled_back", "overridden"): ("overridden", "alert"),
    ("rolled_back", "ended"): ("steady", None),
    ("verifying", "released"): ("rolling_out", None),
    ("verifying", "well"): ("recovered", "recovered"),
    ("verifying", "overdue"): ("ineffective", "rollback_ineffective"),
    ("verifying", "recalled"): ("rolled_back", "rollback"),
    ("verifying", "shut_out"): ("rolled_back", "kill"),
    ("verifying", "returned"): ("rolled_back", "rollback"),
    ("verifying", "barred"): ("rolled_back", "kill"),
    ("verifying", "overridden"): ("overridden", "alert"),
    ("verifying", "ended"): ("steady", None),
    ("recovered", "released"): ("rolling_out", None),
    ("recovered", "recalled"): ("rolled_back", "rollback"),
    ("recovered", "shut_out"): ("rolled_back", "kill"),
    ("recovered", "returned"): ("rolled_back", "rollback"),
    ("recovered", "barred"): ("rolled_back", "kill"),
    ("recovered", "overridden"): ("overridden", "alert"),
    ("recovered", "ended"): ("steady", None),
    ("ineffective", "released"): ("rolling_out", None),
    ("ineffective", "applied"): ("ineffective", "rollback_applied"),
    ("ineffective", "well"): ("recovered", "recovered"),
    ("ineffective", "recalled"): ("rolled_back", "rollback"),
    ("ineffective", "shut_out"): ("rolled_back", "kill"),
    ("ineffective", "returned"): ("rolled_back", "rollback"),
    ("ineffective", "barred"): ("rolled_back", "kill"),
    ("ineffective", "overridden"): ("overridden", "alert"),
    ("ineffective", "ended"): ("steady", None),
    ("overridden", "released"): ("overridden", None),
    ("overridden", "harmful"): ("rolled_back", "rollback"),
    ("overridden", "stopped"): ("rolled_back", "kill"),
    ("overridden", "revoked"): ("rolling_out", "alert"),
    ("overridden", "resumed"): ("serving", "alert"),
    ("overridden", "ended"): ("overridden", None),
}

# The state of a model is the first of these that any of its versions is in.
URGENCY: tuple[Phase, ...] = (
    "ineffective",
    "rolled_back",
    "verifying",
    "rolling_out",
    "overridden",
    "recovered",
    "serving",
    "promoted",
    "steady",
)


def step(phase: Phase, signal: Signal) -> tuple[Phase, ControlType | None] | None:
    """Return the next phase and the type of the control event, if any; None where the signal means nothing.

    >>> step("rolling_out", "harmful")
    ('rolled_back', 'rollback')
    >>> step("recovered", "harmful") is None  # It is withdrawn: what it does is no matter of rules.
    True
    """
    return TRANSITIONS.get((phase, signal))
