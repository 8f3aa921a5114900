"""Files of messages that begin with their length are read as such, files of lines as lines, whatever is in them."""

import gzip
from pathlib import Path

import pytest

from operators.connectors import files
from operators.connectors.frames import FrameReader

LONGEST = 1_000


def read(path: Path) -> list[tuple[int, bytes]]:
    reader = FrameReader(path, LONGEST, 0, lambda _: None)
    found: list[tuple[int, bytes]] = []
    try:
        while (messages := reader.read()) is not None:
            found += zip(messages.positions, messages.values, strict=True)
    finally:
        reader.close()
    return found


def framed(messages: list[bytes]) -> bytes:
    return b"".join(len(message).to_bytes(4) + message for message in messages)


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("suffix", [".binpb", ".gz"])
def test_messages_come_whole_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, suffix: str
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", block)
    messages = [b"\x0a\nb", b"", b"{}\n", b"x" * LONGEST, b"\x00" * 9]
    path = tmp_path / f"spans{suffix}"
    whole = framed(messages)
    path.write_bytes(gzip.compress(whole) if suffix == ".gz" else whole)
    assert read(path) == [*enumerate(messages, 1)]


@pytest.mark.parametrize("block", [7, 300, 1 << 20])
def test_a_message_that_is_too_long_is_cut_off_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", block)
    path = tmp_path / "spans"
    path.write_bytes(framed([b"a", b"b" * 50_000, b"c"]))
    found = [message for _, message in read(path)]
    assert [found[0], found[1][: LONGEST + 1], found[2]] == [b"a", b"b" * (LONGEST + 1), b"c"]
    assert LONGEST < len(found[1]) <= 50_000


def test_a_file_that_ends_within_a_message_gives_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    path.write_bytes(framed([b"ab"]) + b"\x00\x00\x00\x09cd")
    assert [message for _, message in read(path)] == [b"ab", b"cd"]
    path.write_bytes(framed([b"ab"]) + b"\x00\x00")
    assert [message for _, message in read(path)] == [b"ab", b"\x00\x00"]


def test_lines_are_told_by_their_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    for text in (b'{"a": 1}\n{}\n', b'\n{"a": 1}', b"[]\n"):
        path.write_bytes(text)
        assert [message for _, message in read(path)] == [
            line for line in text.split(b"\n") if line or text[:1] == b"\n"
        ]
    path.write_bytes(b"")
    assert read(path) == []
