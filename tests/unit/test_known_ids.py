"""Ids are hashed once, as long as they are remembered, and always to the same."""

import pytest

from operators.archive import known_ids
from operators.archive.known_ids import KnownIds
from operators.pseudonyms import Pseudonyms
from operators.store.rows import Coded

KEY = Pseudonyms("0123456789abcdef")


def test_what_is_remembered_is_bounded_and_what_stands_for_an_id_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_ids, "IDS_MAX", 10)
    ids = KnownIds(KEY)
    first = ids.column(["ann", None, "", "bob", "ann"])
    assert first == [KEY.of("ann"), "", "", KEY.of("bob"), KEY.of("ann")]
    for number in range(50):
        ids.column([f"user-{number}-{each}" for each in range(3)])
        assert len(ids) <= 10 + 3
    assert ids.column(["ann", None, "", "bob", "ann"]) == first


def test_a_column_without_ids_is_one_value() -> None:
    column = KnownIds(KEY).column((None, None, None))
    assert isinstance(column, Coded)
    assert column.values == [""]
