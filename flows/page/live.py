"""Keeps pages live: polls the store's progress once a second, and keeps answers until it moves on."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from flows.page.store import NoAnswer, Store

LOOK_S = 1.0
KEPT_MAX = 256  # Answers: some 5 MB with pages of 20 KB.


class Live:
    """`number` grows whenever something new is stored; `why` says why the store does not answer, if so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: object = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="page-live")
        self.number = 0
        self.why: str | None = "starting"

    def start(self) -> None:
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Poll the store once."""
        try:
            seen = self._store.ask("live")
        except NoAnswer as error:
            self.why = str(error)
            return
        self.why = None
        if seen != self._seen:
            self._seen = seen
            self.number += 1

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()


class _Turn:
    """The turn to make an answer, and how many threads make it or wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asking = 0


class Answers:
    """Answers by key and number of `Live`: each is made once, however many requests want it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._making: dict[str, _Turn] = {}
        self.made = 0

    def get(self, key: str, number: int, make: Callable[[], bytes]) -> bytes:
        """Return the answer as of this number or a later one; the first request makes it."""
        found = self._of(key, number)
        if found is not None:
            return found
        with self._lock:
            turn = self._making.setdefault(key, _Turn())
            turn.asking += 1
        try:
            with turn.lock:
                found = self._of(key, number)
                if found is None:
                    found = make()
                    self._keep(key, number, found)
            return found
        finally:
            with self._lock:
                turn.asking -= 1
                if not turn.asking:
                    del self._making[key]

    @property
    def making(self) -> int:
        """How many answers are being made."""
        return len(self._making)

    def _of(self, key: str, number: int) -> bytes | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] < number:
                return None
            self._kept.move_to_end(key)
            return kept[1]

    def _keep(self, key: str, number: int, answer: bytes) -> None:
        with self._lock:
            self.made += 1
            self._kept[key] = number, answer
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
