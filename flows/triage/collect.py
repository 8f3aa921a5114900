"""`rollguard triage collect`: makes cases of stored signals. Run again, it writes what has changed."""

import msgspec

from flows.triage import store
from operators.connectors.clickhouse.tables import Tables
from operators.policy.policy import Policy
from operators.triage.cases import make, triage_case_columns


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """How many cases and clusters there are, how many of the cases are new or changed, and how many had no place."""

    cases: int
    clusters: int
    changed: int
    left_out: int


def collect(tables: Tables, policy: Policy) -> Collected:
    """Make the cases of all signals, and store new and changed ones."""
    received = store.signals(tables, policy)
    made = make(received, store.requests(tables, received), store.cases(tables), policy)
    tables.add(
        "triage_case", [triage_case_columns(msgspec.structs.replace(case, ver=case.ver + 1)) for case in made.changed]
    )
    return Collected(
        cases=len(made.cases),
        clusters=len({case.cluster for case in made.cases}),
        changed=len(made.changed),
        left_out=made.left_out,
    )
