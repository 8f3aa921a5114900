"""Alpha goes to the columns that have data; the others cost little, and all together never more than there is."""

from random import Random

import pytest

from operators.rules.alpha import CUTOVER
from operators.rules.guard import ALPHA_SHARE
from operators.stats.spending import Spending
from tests.releasing import BAD_NEWS, CANARY, OLD, RELEASE, Story


@pytest.mark.parametrize("seed", range(20))
def test_shares_never_pass_one_and_are_given_once(seed: int) -> None:
    random = Random(seed)
    spending = Spending(columns=random.randint(1, 20))
    for _ in range(30):
        before = dict(spending.shares)
        spending.take(random.sample(range(spending.columns), random.randint(0, min(3, spending.columns))))
        assert before.items() <= spending.shares.items()
        assert sum(spending.shares.values()) <= 1 + 1e-12
    spending.take(range(spending.columns))
    assert sum(spending.shares.values()) == pytest.approx(1)


def test_columns_without_data_cost_a_quarter_of_their_share_at_most() -> None:
    spending = Spending(columns=6)
    spending.take([0])
    assert spending.shares[0] == pytest.approx(1 / 2.25)
    both = Spending(columns=2)
    both.take([0, 1])
    assert both.shares == {0: 0.5, 1: 0.5}


def test_labels_that_never_come_leave_the_others_most_of_alpha() -> None:
    story = Story(CANARY.replace('slis = ["ok"]', 'slis = ["ok", "quality"]'), RELEASE)
    story.play(OLD, panes=60)
    evidence = story.until("rollback", BAD_NEWS, panes=40).evidence
    assert evidence.sli == "ok"
    assert evidence.confidence == pytest.approx(1 - 0.05 * 0.8 * (1 - ALPHA_SHARE) * (1 - CUTOVER))
