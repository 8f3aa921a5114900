"""Versions of a model's eval set: numbered, never changed, each named by a hash of the ids of its cases.

A new version has all cases of the last one, and some more. Two people who each make one at the same time make two with
the same number; the next version has the cases of both.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from operators.evals.case import VERSIONS


class EvalSet(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the eval set of a model: `cases` are ids, sorted."""

    model: str
    number: int
    cases: tuple[str, ...]
    at: int
    by: str

    @property
    def hash(self) -> str:
        return blake2b(" ".join([self.model, *self.cases]).encode(), digest_size=8).hexdigest()


class NoSet(Exception):
    """There is no such eval set, or more than one."""


def grown(sets: Sequence[EvalSet], model: str, added: Iterable[str], at: int, by: str) -> EvalSet | None:
    """Return the next version, with the cases `added`; None where the last one has them all."""
    last = latest(sets)
    cases = {*added, *(case for each in last for case in each.cases)}
    if len(last) == 1 and cases == set(last[0].cases):
        return None
    number = last[0].number + 1 if last else 1
    return EvalSet(model=model, number=number, cases=tuple(sorted(cases)), at=at, by=by)


def latest(sets: Sequence[EvalSet]) -> list[EvalSet]:
    """Return the versions with the largest number."""
    largest = max((each.number for each in sets), default=0)
    return [each for each in sets if each.number == largest]


def chosen(sets: Sequence[EvalSet], wanted: str) -> EvalSet:
    """Return the set that `wanted` names: a number, a number and the beginning of a hash, or "latest". NoSet.

    >>> chosen([EvalSet(model="m", number=1, cases=("a",), at=0, by="")], "1").number
    1
    """
    number, _, start = wanted.partition(":")
    found = latest(sets) if number == "latest" else [each for each in sets if str(each.number) == number]
    found = [each for each in found if each.hash.startswith(start)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{each.number}:{each.hash}" for each in sorted(found or sets, key=lambda each: each.number))
    why = "names several" if found else "is not there"
    raise NoSet(f"eval set {wanted!r} {why}; there are {known or 'none'}")


def set_columns(set_: EvalSet) -> dict[str, Any]:
    """Return a version as a row of table `eval_set`."""
    return {**msgspec.structs.asdict(set_), "hash": set_.hash, "ver": VERSIONS - set_.at}


def set_of(row: Mapping[str, Any]) -> EvalSet:
    """Return the version in a row of table `eval_set`. NoSet if it was changed."""
    known = {name: row[name] for name in EvalSet.__struct_fields__ if name != "cases"}
    found = EvalSet(**known, cases=tuple(row["cases"]))
    if found.hash != row["hash"]:
        raise NoSet(f"eval set {found.number} of {found.model} is not what it was: its cases have another hash")
    return found
