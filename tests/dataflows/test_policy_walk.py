"""A worker that is restarted under one policy after another, drawn at random: what always stayed is undisturbed."""

import os
from functools import cache
from pathlib import Path
from random import Random

import pytest

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from tests.dataflows.making import STARTED_MS, log
from tests.dataflows.running import Table, exact, run_flow
from tests.dataflows.test_policy_evolution import by_pane, going_on
from tests.monitored import FILES
from tests.oracle import Log
from tests.policies import base, sli, table

STARTS = 6
SEEDS = range(40) if os.environ.get("ROLLGUARD_PROVE") == "1" else range(1)
RULE = (
    '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "availability"\ntarget = 0.9\nwindow = "1m"\nconfidence = 0.5\n'
)
WATCH = '[[monitor]]\nname = "{name}"\nkind = "psi"\non = {on}\nwindow = "1m"\n'


def logs() -> list[Log]:
    random = Random(11)
    return [
        log("events", random, 240, spacing_ms=1_500, models=1),
        log("feedback", random, 120, stream="feedback", spacing_ms=3_000, models=1),
    ]


def drawn(random: Random) -> Policy:
    """A policy with an SLI, a window, a rule and a monitor that all have, and with anything else."""
    dimensions = [name for name in ("region", "segment", "unused") if random.random() < 0.6]
    random.shuffle(dimensions)
    measures = ["latency_ms", *(name for name in ("score", "metrics.other") if random.random() < 0.5)]
    sliding = [("1m", "10s"), *random.sample([("2m", "1m"), ("3m", "30s"), ("5m", "1m")], random.randrange(3))]
    slis = [
        sli("fast", "at_most", field="latency_ms", limit=random.choice([20, 150])),
        sli("quality", "at_least", field="feedback.judge", limit=4),
        sli("guess", "estimated", labels_min=5),
        sli("kept", "feedback_absent", kind="thumbs", within="30s"),
    ]
    some = [each for each in slis if random.random() < 0.5]
    random.shuffle(some)
    some.insert(random.randrange(len(some) + 1), sli("availability", "no_error"))
    monitors = [WATCH.format(name="always", on='["score"]')]
    others = ('["latency_ms"]', '["prediction", "flags.refused"]', '["score", "latency_ms"]')
    monitors += [WATCH.format(name=f"m{at}", on=on) for at, on in enumerate(others) if random.random() < 0.5]
    random.shuffle(monitors)
    text = base(*dimensions, disorder="5s", tumbling=["1m"], sliding=sliding, measures=measures)
    tables = table("dedup", horizon="0s") + table("dead_letters", share_max=1.0) + table("drift", profile="all.json")
    return parse(text + "".join(some) + RULE + "".join(monitors) + tables, FILES)


@cache
def undisturbed() -> Table:
    text = base("region", tumbling=["1m"], sliding=[("1m", "10s")], measures=["latency_ms"])
    tables = table("dedup", horizon="0s") + table("dead_letters", share_max=1.0) + table("drift", profile="all.json")
    watched = WATCH.format(name="always", on='["score"]')
    policy = parse(text + sli("availability", "no_error") + RULE + watched + tables, FILES)
    return run_flow(policy, logs(), STARTED_MS, sizes=lambda: 20).tables


def always(tables: Table) -> set[str]:
    """Rows of all traffic that every policy has, whatever policy they name."""
    names = ("sli_window", "measure_window", "verdict", "drift")
    kept = {
        name: [
            {key: each for key, each in row.items() if key != "policy"}
            for row in tables[name]
            if row["slice"] == "*"
            and row.get("sli", "availability") == "availability"
            and row.get("measure", "latency_ms") == "latency_ms"
            and row.get("size_ms", 60_000) == 60_000
            and row.get("monitor", "always") == "always"
        ]
        for name in names
    }
    return set(exact(kept))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_every_policy_has_is_as_in_an_undisturbed_run(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    policies = [drawn(random) for _ in range(STARTS)]
    every, _ = going_on(tmp_path, policies, logs(), 2)
    assert len(always(undisturbed())) > 100
    assert always(every) == always(undisturbed())
    assert by_pane(every, "availability") == by_pane(undisturbed(), "availability")
    assert not [row for rows in every.values() for row in rows if "unsliced" in str(row) or "column " in str(row)]
