"""Which events belong to one chain: a session, else a user, else the attempts of one request; and so for labels."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.event_times import EventTimes
from operators.ingest.id_hashes import chain_hashes
from operators.ingest.watched_counts import Runs
from operators.policy.policy import Policy
from operators.policy.rules import compared
from operators.window.chains import ATTEMPT_BITS, ATTEMPTS_MAX, Chains, first_events
from operators.window.mixing import Words, hashed, positive, salts_of
from operators.window.partial import BAD, GOOD
from operators.wire.events import Feedback, whose

NONE = 0  # The chain of an event by itself.


def chained_slis(policy: Policy) -> bool:
    """Tell whether a canary rule compares events, by what is known at once or by feedback within some time."""
    names = compared(policy.rules)
    return any(sli.name in names and not sli.on_labels for sli in policy.slis)


def chains_of(
    ids: Sequence[str],
    attempts: Sequence[int | None],
    sessions: Sequence[str | None],
    users: Sequence[str | None],
) -> tuple[Ints, Ints]:
    """Return the hashes of each event's chain, NONE where it has none, and of the event itself, (n,) each.

    They are the same in every process, unlike Python's own hash of texts. The last bits of an event's hash are its
    attempt.
    """
    none = np.zeros(len(ids), np.int64)
    if all(each.count(None) == len(ids) for each in (attempts, sessions, users)):
        return none, none
    names = [
        f"s{session}" if session else f"u{user}" if user else "" if attempt is None else f"r{request}"
        for request, attempt, session, user in zip(ids, attempts, sessions, users, strict=True)
    ]
    if not any(names):
        return none, none
    chain = chain_hashes(names)
    chain[[not name for name in names]] = NONE
    numbers = np.array([min(attempt or 0, ATTEMPTS_MAX) for attempt in attempts], np.int64)
    hashes = chain_hashes([f"{request} {attempt or 0}" for request, attempt in zip(ids, attempts, strict=True)])
    return chain, hashes & ~ATTEMPTS_MAX | numbers


def chained_labels(policy: Policy) -> bool:
    """Tell whether a canary rule compares labels."""
    names = compared(policy.rules)
    return any(sli.name in names and sli.on_feedback for sli in policy.slis)


def label_chains_of(items: Sequence[Feedback]) -> tuple[Ints, Ints]:
    """Return the same of feedback: by its user, who has habits, else its session. Each criterion has chains of its own.

    These are not chains of events: a label adds something to its request.
    """
    names = whose(items)
    if not any(names):
        none = np.zeros(len(items), np.int64)
        return none, none
    chain = chain_hashes([f"l{each.kind} {each.name} {who}" for each, who in zip(items, names, strict=True)])
    chain[[not who for who in names]] = NONE
    event = chain_hashes([f"{each.request_id} {each.kind} {each.name} {each.source}" for each in items])
    return chain, event & ~ATTEMPTS_MAX


def count_chains(chain: Ints, event: Ints, classes: Sequence[Ints], placed: EventTimes, groups: Runs) -> Chains | None:
    """Return the chains of each group, with the class of each event by SLI, `classes` (S, n) in the order of groups.

    Late events are not compared, so they have no chains here. None if there are no chains at all.
    """
    chain = chain[groups.order]
    inside = (chain != NONE) & (placed.late[groups.order] == 0)
    if not inside.any():
        return None
    counted = np.zeros((len(groups.starts), len(classes), 2), np.int64)
    for index, of_sli in enumerate(classes):
        for kind in (GOOD, BAD):
            counted[:, index, kind] = np.bincount(groups.of[inside & (of_sli == kind)], minlength=len(groups.starts))
    # So that every pane samples other chains.
    salt = salts_of(placed.pane[groups.order][inside])
    return first_events(
        Chains(
            inside=counted,
            row=groups.of[inside],
            chain=chain[inside] ^ positive(salt),
            event=by_attempt(event[groups.order][inside], salt),
            classes=np.array([of_sli[inside] for of_sli in classes], np.uint8).T,
        )
    )


def by_attempt(event: Ints, salt: Words) -> Ints:
    """Return keys that order the events of a chain: the first attempt before all others, equal attempts by chance."""
    by_chance = positive(hashed(event.view(np.uint64) ^ salt)) & ((1 << ATTEMPT_BITS) - 1)
    return (event & ATTEMPTS_MAX) << ATTEMPT_BITS | by_chance
