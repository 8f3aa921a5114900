"""The error that refuses a wrong policy."""

from operators.texts import cut

VALUE_MAX = 200  # Characters of a key, and of its value, that are quoted.
ALLOWED_MAX = 1_000  # ... and of the text that says what is allowed, which may quote both.


class PolicyError(ValueError):
    """A policy that cannot be run: which `key`, which `value`, and what is `allowed` there."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{cut(key, VALUE_MAX)} = {cut(repr(value), VALUE_MAX)}: {cut(allowed, ALLOWED_MAX)}")
        self.key, self.value, self.allowed = key, value, allowed
