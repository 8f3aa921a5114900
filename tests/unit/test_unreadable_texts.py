"""Texts that no decoder reads, in whatever way, end nothing: they are sent on, passed over, or named in one line."""

from pathlib import Path

import pytest

from flows import produce
from flows.recovery.layouts import NAME, gone_on
from flows.recovery.parts import StoreUnusable
from operators.connectors.clickhouse.refused import is_letter, row_of
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY

DEEP = b"[" * 100_000
UNREADABLE = [
    b"", b"{", DEEP, b'{"ts": 1, "x": ' + DEEP, b'{"x": "\xff", "model": "\xff"}', b'{"model": "\\ud800"}', b"\x00",
    b'{"\xff": 1}', b'{"model": ' + b"1" * 5_000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("line", UNREADABLE)
def test_a_line_that_no_reader_takes_is_sent_as_it_is(line: bytes) -> None:
    assert produce._key(line, "model") is None
    assert produce._renewed(line, 5) == line or b'"ts":5' in produce._renewed(line, 5)


@pytest.mark.parametrize("line", UNREADABLE)
def test_it_is_no_letter(line: bytes) -> None:
    assert not is_letter(line)
    assert row_of(line) is None


@pytest.mark.parametrize("text", UNREADABLE)
def test_layouts_that_cannot_be_read_are_named_with_what_to_do(text: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(text)
    with pytest.raises(StoreUnusable, match="put back a backup of the whole folder"):
        gone_on(tmp_path, [], parse(POLICY))
