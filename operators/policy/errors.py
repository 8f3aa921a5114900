"""What a wrong policy is refused with."""


class PolicyError(ValueError):
    """A policy that cannot be run: which `key`, which `value`, and what is `allowed` there."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{key} = {value!r}: {allowed}")
        self.key, self.value, self.allowed = key, value, allowed
