"""What is stored and announced of all processes at once is what it is of each by itself."""

import math
from collections.abc import Mapping

import numpy as np

from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_alphas import alpha_of, alphas_of
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import NOTHING, STEP, Process, Shown
from operators.rules.needed_evidence import needed_each, needed_of
from operators.rules.shown_columns import AnnouncedColumns, ShownColumns, word_codes
from operators.wire.control import Word
from tests.releasing import canary_evaluator
from tests.unit.test_canary_columns import NAMES, live, pane

RELEASES = [Comparison(f"m{number}", "v2", "v1", since=0, begins=0) for number in range(4)]
EVERY = [
    Process(release, text, sli) for sli in range(2) for text in ("*", "region=eu", "region=us") for release in RELEASES
]
WORDS: tuple[Word, ...] = ("INSUFFICIENT", "OK", "BAD")


def is_moved(process: Process, now: Shown, last: Shown | None) -> bool:
    if last is None or (process.slice == "*" and now != last):
        return True
    bounds = (now.lower, now.upper) != (last.lower, last.upper)
    return bounds or abs(now.log_e - last.log_e) >= STEP or now.events >= max(2 * last.events, 1)


def due(known: Mapping[Process, Shown], now: Mapping[Process, Shown], whole: set[Comparison]) -> list[Process]:
    changed = {each.release for each in now if now[each].word != known.get(each, NOTHING).word} | whole
    return [each for each in now if each.release in changed or is_moved(each, now[each], known.get(each))]


def now_of(random: np.random.Generator, before: Shown) -> Shown:
    """A little after what was known before: mostly nothing has moved."""
    return Shown(
        WORDS[int(random.integers(3))] if random.random() < 0.02 else before.word,
        before.events + int(random.random() < 0.3) * int(random.integers(1, 9)),
        before.log_e + float(random.choice([0.0, 0.0, 0.1, 0.25, -0.3])),
        before.lower + float(random.random() < 0.05),
        5.0 if random.random() < 0.05 else before.upper,
    )


def test_what_is_due_of_all_is_due_of_each() -> None:
    random, columns, known = np.random.default_rng(3), ShownColumns(), dict[Process, Shown]()
    last: dict[Process, Shown] = {EVERY[3]: Shown("OK", 4, 0.5, 0.1, 2.0)}
    known |= last
    sizes = set()
    for step in range(200):
        of = EVERY[: min(6 + step // 4, len(EVERY))]
        now = {process: now_of(random, last.get(process, NOTHING)) for process in of}
        whole = {RELEASES[0]} if random.random() < 0.05 else set()
        expected = due(known, now, whole)
        columns.follow(of, known)
        each = list(now.values())
        found = columns.due(
            word_codes([one.word for one in each]),
            np.array([one.events for one in each]),
            np.array([(one.log_e, one.lower, one.upper) for one in each]).T,
            np.array([process.slice == "*" for process in of]),
            np.array([RELEASES.index(process.release) for process in of]),
            np.array([release in whole for release in RELEASES]),
        )
        assert [of[index] for index in found.tolist()] == expected
        known |= {process: now[process] for process in expected}
        last = now
        sizes.add(len(expected))
    assert len(sizes) > 5


def test_what_is_announced_of_all_is_announced_of_each() -> None:
    random, columns = np.random.default_rng(5), AnnouncedColumns()
    known: dict[Process, tuple[Word, int]] = {EVERY[1]: ("OK", 9)}
    events, words = np.zeros(len(EVERY), np.int64), [WORDS[0]] * len(EVERY)
    for step in range(120):
        of = EVERY[: 5 + step // 5]
        events += random.integers(0, 3, len(EVERY))
        words = [WORDS[int(random.integers(3))] if random.random() < 0.05 else word for word in words]
        expected = []
        for index, (process, word) in enumerate(zip(of, words, strict=False)):
            before, at = known.get(process, ("INSUFFICIENT", 0))
            doubled = word == "INSUFFICIENT" and events[index] >= max(2 * at, 1) and process.slice == "*"
            expected += [index] if word != before or doubled else []
        columns.follow(of, known)
        whole = np.array([process.slice == "*" for process in of])
        assert columns.changed(word_codes(words[: len(of)]), events[: len(of)], whole).tolist() == expected
        known |= {of[index]: (words[index], int(events[index])) for index in expected}


def needed(canary: CanaryEvaluator, process: Process) -> float:
    known = canary.weights.get((process.release, process.sli))
    of = {} if known is None else known.of
    weight = 1.0 if process.slice == "*" else of.get(process.slice, 0.8 / max(len(of), 1))
    return -math.log(weight * alpha_of(canary, process))


def test_what_decides_of_all_is_what_decides_of_each() -> None:
    one, weighed = canary_evaluator("20s"), 0
    for number in range(80):
        one.step(pane(number), NAMES, live(number))
        every = np.arange(len(one.of))
        expected = [needed(one, process) for process in one.of]
        assert needed_of(one, every, alphas_of(one, every)) == expected
        assert list(needed_each(one, one.of)) == expected
        weighed += any(each.of for each in one.weights.values())
    assert 80 > weighed > 10
