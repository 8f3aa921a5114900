"""Where a release stands, and what moves it on: every transition there is.

One machine runs for each candidate of a model, because several may be judged at once; what they share (the pin, the
cool-down, the revision) belongs to the model, whose state is that of its most urgent release (`URGENCY`).
"""

from typing import Literal

from operators.wire.control import ControlType

Phase = Literal[
    "serving", "steady", "rolling_out", "rolled_back", "verifying", "recovered", "ineffective", "overridden"
]
Signal = Literal[
    "released",  # a release begins: by a command, or because a new version serves
    "harmful",  # a rule or somebody takes it out, and there is a version to go to
    "stopped",  # a rule or somebody takes it out, and traffic goes to whatever else may serve
    "passed",  # every canary rule is OK, and nothing holds the promotion
    "applied",  # the candidate's share of traffic has fallen to nearly nothing
    "well",  # the pinned version serves well again
    "overdue",  # it does not by the deadline
    "ignored",  # it surely serves on, when gateways have had their time to obey
    "returned",  # a withdrawn version serves, and traffic is pinned away from it
    "barred",  # it serves, and a pin would stop others that may
    "overridden",  # somebody lets the candidate run
    "revoked",  # and no longer
]

TRANSITIONS: dict[tuple[Phase, Signal], tuple[Phase, ControlType | None]] = {
    ("serving", "released"): ("rolling_out", None),
    ("serving", "harmful"): ("rolled_back", "rollback"),
    ("serving", "stopped"): ("rolled_back", "kill"),
    ("serving", "overridden"): ("overridden", "alert"),
    ("steady", "released"): ("rolling_out", None),
    ("steady", "harmful"): ("rolled_back", "rollback"),
    ("steady", "stopped"): ("rolled_back", "kill"),
    ("steady", "overridden"): ("overridden", "alert"),
    ("rolling_out", "released"): ("rolling_out", None),
    ("rolling_out", "passed"): ("steady", "promote"),
    ("rolling_out", "harmful"): ("rolled_back", "rollback"),
    ("rolling_out", "stopped"): ("rolled_back", "kill"),
    ("rolling_out", "overridden"): ("overridden", "alert"),
    ("rolled_back", "released"): ("rolling_out", None),
    ("rolled_back", "applied"): ("verifying", "rollback_applied"),
    ("rolled_back", "overdue"): ("ineffective", "rollback_ineffective"),
    ("rolled_back", "ignored"): ("ineffective", "rollback_ineffective"),
    ("rolled_back", "returned"): ("rolled_back", "rollback"),
    ("rolled_back", "barred"): ("rolled_back", "kill"),
    ("rolled_back", "overridden"): ("overridden", "alert"),
    ("verifying", "released"): ("rolling_out", None),
    ("verifying", "well"): ("recovered", "recovered"),
    ("verifying", "overdue"): ("ineffective", "rollback_ineffective"),
    ("verifying", "returned"): ("rolled_back", "rollback"),
    ("verifying", "barred"): ("rolled_back", "kill"),
    ("verifying", "overridden"): ("overridden", "alert"),
    ("recovered", "released"): ("rolling_out", None),
    ("recovered", "returned"): ("rolled_back", "rollback"),
    ("recovered", "barred"): ("rolled_back", "kill"),
    ("recovered", "overridden"): ("overridden", "alert"),
    ("ineffective", "released"): ("rolling_out", None),
    ("ineffective", "applied"): ("ineffective", "rollback_applied"),
    ("ineffective", "well"): ("recovered", "recovered"),
    ("ineffective", "returned"): ("rolled_back", "rollback"),
    ("ineffective", "barred"): ("rolled_back", "kill"),
    ("ineffective", "overridden"): ("overridden", "alert"),
    ("overridden", "released"): ("overridden", None),
    ("overridden", "harmful"): ("rolled_back", "rollback"),
    ("overridden", "stopped"): ("rolled_back", "kill"),
    ("overridden", "revoked"): ("rolling_out", "alert"),
}

# Of several releases of a model, the first of these that one is in is the state of the model.
URGENCY: tuple[Phase, ...] = (
    "ineffective",
    "rolled_back",
    "verifying",
    "rolling_out",
    "overridden",
    "recovered",
    "serving",
    "steady",
)


def step(phase: Phase, signal: Signal) -> tuple[Phase, ControlType | None] | None:
    """Return the next phase and what is said, or None where the signal means nothing.

    >>> step("rolling_out", "harmful")
    ('rolled_back', 'rollback')
    >>> step("recovered", "harmful") is None  # It is withdrawn: what it does is no matter of rules.
    True
    """
    return TRANSITIONS.get((phase, signal))
