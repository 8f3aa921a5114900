"""Texts in the form that the request log keeps: none, redacted, or as they came; and how many parts were replaced."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from operators.archive.redaction import redact
from operators.ingest.usable import UNDECODABLE
from operators.policy.privacy import Archive
from operators.store.rows import Column, same
from operators.wire.events import ABSENT as NOTHING
from operators.wire.events import TEXT_MAX, as_text

ABSENT = (b"", b"null")
# Characters beyond the end of what is kept, so that nothing is cut in two before it is recognised.
MARGIN = 1_000

_string = msgspec.json.Decoder(str).decode
_anything = msgspec.json.Decoder().decode


class Texts:
    """Keeps texts as the policy says; `replaced` counts, by kind, all that was redacted so far."""

    def __init__(self, archive: Archive) -> None:
        self._keep = archive.texts
        self._max = archive.text_chars_max
        self.replaced: Counter[str] = Counter()
        self.unusable: Counter[str] = Counter()

    def column(self, field: str, values: Sequence[msgspec.Raw], redacted: list[int]) -> tuple[Column, Column]:
        """Return the text and the size in bytes of each value of a field; add to `redacted` row by row.

        A value that cannot be read is counted: bytes that are not UTF-8 become U+FFFD, what is not JSON is left out.
        """
        if values.count(NOTHING) == len(values):
            return same("", len(values)), same(0, len(values))
        texts, sizes = [], []
        for row, raw in enumerate(values):
            value = bytes(raw)
            absent = value in ABSENT
            sizes.append(0 if absent else len(value))
            if absent or self._keep == "none":
                texts.append("")
                continue
            try:
                text, replaced = self._read(value)
            except UNDECODABLE:
                self.unusable[field] += 1
                text, replaced = self._mended(value)
            texts.append(text)
            redacted[row] += replaced
        return texts, sizes

    def predictions(self, values: Sequence[Any], redacted: list[int]) -> Column:
        """Return predictions as texts: numbers as they are, classes and longer texts as the policy keeps texts."""
        if not any(values) and values.count(None) == len(values):
            return same("", len(values))
        kept = {value: self.shown(value) for value in {value for value in values if type(value) is str}}
        if self._keep == "redacted":
            for row, value in enumerate(values):
                redacted[row] += kept[value][1] if type(value) is str else 0
        return [kept[value][0] if type(value) is str else _scalar(value) for value in values]

    def shown(self, text: str) -> tuple[str, int]:
        """Return a class, or a longer text, as it is kept, and how many parts of it were replaced."""
        if self._keep == "none":
            return (text if len(text) <= TEXT_MAX else ""), 0
        return self._kept(text)

    def _read(self, value: bytes) -> tuple[str, int]:
        if value[:1] == b'"':
            return self._kept(_string(value))
        before = self.replaced.total()
        plain = _anything(value)
        text = msgspec.json.encode(self._within(plain) if self._keep == "redacted" else plain).decode()
        return text[: self._max], self.replaced.total() - before

    def _mended(self, value: bytes) -> tuple[str, int]:
        """Read a value in which some bytes are not UTF-8; if it is not JSON, the text is empty."""
        try:
            return self._read(value.decode(errors="replace").encode())
        except UNDECODABLE:
            return "", 0

    def _within(self, value: Any) -> Any:
        """Return JSON with each text in it redacted."""
        if isinstance(value, str):
            return self._kept(value)[0]
        if isinstance(value, list):
            return [self._within(each) for each in value]
        if isinstance(value, dict):
            return {self._kept(name)[0]: self._within(each) for name, each in value.items()}
        return value

    def _kept(self, text: str) -> tuple[str, int]:
        if self._keep == "full":
            return text[: self._max], 0
        found, kinds = redact(text[: self._max + MARGIN])
        self.replaced.update(kinds)
        return found[: self._max], len(kinds)


def _scalar(value: object) -> str:
    """Return the text of a number or boolean, empty for anything else."""
    return as_text(value) if isinstance(value, int | float) else ""
