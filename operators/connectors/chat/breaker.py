"""A circuit breaker: an endpoint that only fails is left alone for a while, and nobody waits for it."""

FAILURES = 10  # Judgements that failed in a row, each after all its calls.
OPEN_S = 15.0


class Breaker:
    """The caller passes times [s], by any clock that does not step back."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = float("-inf")

    def is_open(self, now: float) -> bool:
        """Tell whether not to ask the endpoint. After `OPEN_S` calls may try again, and one that fails opens it anew.

        >>> breaker = Breaker()
        >>> for _ in range(FAILURES): breaker.failed(0.0)
        >>> breaker.is_open(1.0), breaker.is_open(OPEN_S)
        (True, False)
        """
        return now < self._until

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._until = now + OPEN_S

    def succeeded(self) -> None:
        self._failures = 0
