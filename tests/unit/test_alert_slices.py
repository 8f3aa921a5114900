"""Alerts of thousands of slices: each verdict finds its own without a look at the others."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.release import alerts, controller
from operators.release.alerts import Alerts, Firing
from operators.release.event_writer import EventWriter
from operators.release.model import Model
from operators.rules.verdict import Verdict
from operators.window.series_index import SliceSeries, described
from operators.wire.control import Affected, Evidence, Word

KEY = ("slo", "v1")


def verdict(region: str, sli: str | None = None, word: Word = "BAD") -> Verdict:
    series = SliceSeries("m", "v1", *described(("region",), (region,)))
    return Verdict(rule="slo", series=series, word=word, pane=0, evidence=Evidence(sli=sli))


words: st.SearchStrategy[Word] = st.sampled_from(["BAD", "STALE", "OK", "INSUFFICIENT"])
verdicts = st.builds(verdict, st.sampled_from("abc"), st.sampled_from(["s", "t", None]), words)


@given(st.lists(st.lists(verdicts, max_size=6), max_size=6))
def test_what_fires_is_what_was_bad_last_and_new_what_joined_since_it_was_said(panes: list[list[Verdict]]) -> None:
    model, bad, new = Alerts(), dict[str, Word](), list[str]()
    for pane in panes:
        change = model.take(KEY, pane, "page")
        resolved = 0
        for each in pane:
            where = alerts.place_of(each)
            if each.word in ("BAD", "STALE"):
                bad[where] = each.word
                new = [*(other for other in new if other != where), where]
            elif each.word == "OK":
                resolved += bad.pop(where, None) is not None
        fires = any(each.word in ("BAD", "STALE") for each in pane)
        assert (change or (None,))[0] == ("firing" if fires else "resolved" if resolved and not bad else None)
        firing = model.firing.get(KEY, Firing())
        if firing.slices:
            assert {where: each.verdict for where, each in firing.slices.items()} == bad
            assert firing.new == tuple(new)
        else:
            new = []
        ordered = [alerts.place(each) for each in firing.slices_ordered]
        assert sorted(ordered) == sorted(firing.slices)
        assert {*ordered[: sum(where in bad for where in firing.new)]} == {*firing.new} & {*bad}


def test_a_verdict_finds_its_slice_among_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    place = alerts.place

    def counted(affected: Affected) -> str:
        nonlocal asked
        asked += 1
        return place(affected)

    monkeypatch.setattr(alerts, "place", counted)
    model = Model(writer=EventWriter(model="m"), alerts=Alerts())
    many: Sequence[Verdict] = [verdict(str(number)) for number in range(1_000)]
    for _ in range(2):
        controller._remember(model, many)
        assert model.alerts.take(KEY, many, "page")
    assert [*model.bad[KEY].values()] == many
    controller._remember(model, [verdict("7", word="OK"), verdict("8"), verdict("9", word="INSUFFICIENT")])
    assert [*model.bad[KEY].values()] == [*many[:7], *many[9:], many[8]]
    controller._remember(model, [verdict(str(number), word="OK") for number in range(1_000)])
    assert model.bad == {}
    assert asked < 20 * len(many)
