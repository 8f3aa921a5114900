"""An eval case: what is asked, and what must hold of the answer. Its id follows from its content."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from operators.evals.checks import Check

NAMESPACE = uuid.UUID("0b9d1f3a-5a0c-5c53-8d1e-2f4a7f1d9c66")
VERSIONS = 1 << 62  # An earlier row has a larger version: of rows with the same content the first stays.


class EvalCase(msgspec.Struct, frozen=True, kw_only=True):
    """A test of a model, with the failure it came from: root cause, case, request and the version that failed."""

    model: str
    input: str
    checks: tuple[Check, ...]
    root_cause: str = ""
    note: str = ""
    triage_case: str = ""
    request_id: str = ""
    user_id: str = ""
    version: str = ""
    dims: dict[str, str] = {}
    at: int
    by: str

    @property
    def id(self) -> str:
        """The same for the same question and checks, whoever made the case."""
        content = [self.model, self.input, [(check.kind, check.value) for check in sorted(self.checks)]]
        return str(uuid.uuid5(NAMESPACE, msgspec.json.encode(content).decode()))


class Altered(Exception):
    """The content of a stored eval case does not match its id: somebody changed it."""


def eval_case_columns(case: EvalCase) -> dict[str, Any]:
    """Return a case as a row of table `eval_case`."""
    checks = msgspec.json.encode(sorted(case.checks)).decode()
    return {**msgspec.structs.asdict(case), "checks": checks, "id": case.id, "ver": VERSIONS - case.at}


def eval_case_of(row: Mapping[str, Any]) -> EvalCase:
    """Return the case in a row of table `eval_case`. Altered."""
    known = {name: row[name] for name in EvalCase.__struct_fields__ if name != "checks"}
    case = EvalCase(**known, checks=msgspec.json.decode(row["checks"], type=tuple[Check, ...]))
    if case.id != row["id"]:
        raise Altered(f"eval case {row['id']} is not what it was: its content has another id")
    return case
