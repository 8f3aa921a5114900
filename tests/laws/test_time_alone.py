"""What time alone brings to a model comes with the same pane whatever else its shard holds, and whoever is heard."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings

from operators.evaluation import ShardEvaluation
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.sliding import WindowCounts
from tests.laws.test_uneventful import POLICY, WELL, Stories, outcomes, panes, stories

FIRST: Stories = [(1, "m", WELL, None)]  # With the first pane in which something came the policy is stored.
# Traffic ends, and later nobody knows the candidate any more.
GONE: Stories = [
    *((1, "m", WELL, None) for _ in range(6)),
    (1, "m", WELL | {"v2": (40, 0.0)}, None),
    (130, "n", WELL, None),
]
# What is declared anew after it was killed serves hardly: what was found before outlasts its window, and all rests.
LASTING = parse(POLICY.text.replace('for = "2m"', 'for = "10m"').replace('after = "3m"', 'after = "1m"'))
ANEW: Stories = [
    *((1, "m", WELL, None) for _ in range(6)),
    *((1, "m", WELL | {"v2": (40, 0.6)}, None) for _ in range(70)),
    *((1, "m", WELL, None) for _ in range(9)),
    (1, "m", {"v2": (1, 0.0)}, "release"),
    (95, "n", WELL, None),
]


class Restless(ShardEvaluation):
    """Steps every pane, as beside a model to which something happens all the time."""

    _at_rest = False

    def _still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        return 0

    def _quiet(self) -> bool:
        return False


def said(evaluation: ShardEvaluation, story: Stories) -> list[str]:
    """All that is said and stored, but for what is kept at last: whoever rests keeps what is over for longer."""
    return [each for each in outcomes(evaluation, panes(FIRST + story)) if not each.startswith("Model(")]


@given(story=stories)
@settings(max_examples=max(settings().max_examples // 10, 1))
def test_what_time_brings_does_not_wait_for_what_comes_in(story: Stories) -> None:
    assert said(ShardEvaluation(POLICY), story) == said(Restless(POLICY), story)


@pytest.mark.parametrize(
    ("policy", "story", "brings"),
    [(POLICY, GONE, "'phase': 'forgotten'"), (LASTING, ANEW, "type='kill', ts=1760001540000")],
)
def test_a_model_that_rests_is_not_overlooked(policy: Policy, story: Stories, brings: str) -> None:
    found = said(ShardEvaluation(policy), story)
    assert found == said(Restless(policy), story)
    assert any(brings in each for each in found)
