"""Texts as numbers, in order of first appearance."""


class Numbering(dict[str, int]):
    """Numbers keys in order of first appearance."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number

    def number(self, key: str) -> int:
        """Return the number of a key; a new key gets the next number."""
        return self[key]
