"""What late labels do to the comparison of two versions: counted when they come, and at the same age of both.

`python -m tests.bench.simulate_labels` prints a table of docs/figures.md. The baseline has 40 labelled requests a
minute, 5 % of them bad, and has served for two hours; the candidate has 20. Labels take as long as the case says, give
or take a half. alpha = 0.05, blips of a minute. Seeded.
"""

from collections.abc import Sequence
from statistics import median

import numpy as np

from operators.arrays import Floats, Ints
from operators.wire.control import ControlEvent
from tests.labelled import Arm, Minutes, minute, play, policy, steadily, who

HISTORY = 120  # Minutes before the release.
BAD_SLOW, BAD_FAST, AT_ONCE = (2, 30), (30, 2), (0.1, 0.1)
RUNS = 10
AFTER = 240  # Minutes.


def released(times: float, comes: Minutes, begins: int = HISTORY) -> list[Arm]:
    return [
        Arm(version="v1", rate=40, bad=steadily(0.05), comes=comes),
        Arm(version="v2", rate=20, bad=steadily(0.05 * times), comes=comes, begins=begins),
    ]


def its_own(times: float, comes: Minutes, labelled: float = 1.0, on_time: float = 0.0) -> list[Arm]:
    """Labels of the baseline take ten minutes, those of the candidate as long as named.

    `labelled` is the share of the requests of both that get one; `on_time` that of the candidate's bad ones that come
    with its good ones.
    """
    return [
        Arm(version="v1", rate=40, bad=steadily(0.05), comes=(10, 10), labelled=labelled),
        Arm(
            version="v2",
            rate=20,
            bad=steadily(0.05 * times),
            comes=comes,
            begins=HISTORY,
            labelled=labelled,
            bad_on_time=on_time,
        ),
    ]


def incident(minutes: Ints) -> Floats:
    """Half of all requests fail for 20 minutes, 50 minutes after the release."""
    return np.where((minutes >= HISTORY + 50) & (minutes < HISTORY + 70), 0.5, 0.05)


CASES: dict[str, list[Arm]] = {
    "as good, labels at once": released(1, AT_ONCE),
    "as good, bad labels slow": released(1, BAD_SLOW),
    "as good, bad labels fast": released(1, BAD_FAST),
    "as good, late labels, incident": [
        Arm(version="v1", rate=40, bad=incident, comes=(2, 2)),
        Arm(version="v2", rate=20, bad=incident, comes=(12, 12), begins=HISTORY),
    ],
    "as good, its good labels twice as slow": its_own(1, (20, 10)),
    "as good, its good labels ten times as slow": its_own(1, (100, 10)),
    "x2, its bad labels twice as slow": its_own(2, (10, 20)),
    "x2, its bad labels ten times as slow": its_own(2, (10, 100)),
    "x3, its bad labels three times as slow": its_own(3, (10, 30)),
    "x3, its good labels ten times as slow": its_own(3, (100, 10)),
    "one in twenty, as good": its_own(1, (10, 10), 1 / 20),
    "one in twenty, half as bad": its_own(0.5, (10, 10), 1 / 20),
    "one in twenty, x2, its bad labels ten times as slow": its_own(2, (10, 100), 1 / 20),
    "one in twenty, x2, half of its bad labels ten times as slow": its_own(2, (10, 100), 1 / 20, 0.5),
    "x2, bad labels slow": released(2, BAD_SLOW),
    "x3, labels at once": released(3, AT_ONCE),
    "x3, bad labels slow": released(3, BAD_SLOW),
    "x3, bad labels fast": released(3, BAD_FAST),
    "x3, bad labels slow, no past": released(3, BAD_SLOW, 10),
}


def figures(arms: Sequence[Arm], said: Sequence[ControlEvent], runs: int) -> str:
    """Say how many were rolled back and promoted, in percent, and after how many minutes half of them were."""
    cells = []
    for kind in ("rollback", "promote"):
        when = [minute(event) - arms[1].begins for event in said if event.type == kind]
        cells.append(f"{100 * len(who(said, kind)) / runs:.0f}" + (f" ({median(when):.0f})" if when else ""))
    return " | ".join(cells)


NO_PAST = {
    f"as good, bad labels {name}, no past": released(1, comes, 10)
    for name, comes in (("slow", BAD_SLOW), ("fast", BAD_FAST))
}


def show(runs: int = RUNS) -> None:
    print("| % (median minute) | rolled back, as labels come | promoted | rolled back, at one age | promoted |")
    print("|---|---|---|---|---|")
    for name, arms in (CASES | NO_PAST).items():
        cells = [
            figures(arms, play(arms, policy(), runs=runs, minutes=arms[1].begins + AFTER, dated=dated), runs)
            for dated in (False, True)
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    show()
