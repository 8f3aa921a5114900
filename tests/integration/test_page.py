"""The live page in a real browser, beside a store that fills as it does beside a run, and a replay of hostile names."""

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from gzip import decompress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from flows.page.serve import Server
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.refused import Poison
from tests.conftest import MIGRATIONS
from tests.dataflows.running import run_flow
from tests.page_browser import WAIT_S, Watched, browsing, serving, violations
from tests.rolled_back import START_MS, held_policy, log

pytestmark = pytest.mark.integration

RELEASE = "m/phishing/r/v2"
HOSTILE = '<img src=x onerror="document.title=1">'
# What the banner of the release is to say, in this order, without a reload.
STORY = ("is rolling out", "is held", "is being rolled back", "was rolled back to v1, and users are well again")
HEADING = "document.querySelector('h1').textContent"
# Whether an open page shows what it would show if it were loaded now.
UP_TO_DATE = """async () => {
  const text = await (await fetch(location.href)).text();
  return textOf(new DOMParser().parseFromString(text, "text/html")) === made;
}"""
WATCH = """() => {
  window.said = [];
  const note = () => {
    const text = document.querySelector('h1')?.textContent;
    if (text && window.said.at(-1) !== text) window.said.push(text);
  };
  note();
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


# PSI of five fields in four steps, in every shade that the map has.
DRIFT = """
INSERT INTO drift (model, version, slice, monitor, field, window_start, window_end, axis, kind, method, verdict, score,
  threshold, ver)
SELECT 'phishing', 'v1', '*', 'shifts', concat('features.f', toString(f)),
  fromUnixTimestamp64Milli(toInt64(START_MS + 60000 * (minute - 1)), 'UTC'),
  fromUnixTimestamp64Milli(toInt64(START_MS + 60000 * minute), 'UTC'), 'input', 'covariate', 'psi',
  if(f = 4, 'BAD', 'OK'), 0.05 + 0.1 * f, 0.3, 1
FROM (SELECT number + 1 AS minute FROM numbers(4)) AS a, (SELECT number AS f FROM numbers(5)) AS b"""


class Demo(msgspec.Struct, frozen=True):
    """A release that has ended, whose page stays; `said` are the headings that an open page went through."""

    address: str
    said: list[str]
    overview: list[str]
    loads: int
    browser: Browser
    watched: list[Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


class Played:
    """A page beside a store that fills as beside a run: with all up to the next control event, one after the other."""

    def __init__(self, folder: Path) -> None:
        migrate(f"chdb://{folder}/clickhouse", MIGRATIONS)
        self._client = open_clickhouse(f"chdb://{folder}/clickhouse")
        self._client.command(DRIFT.replace("START_MS", str(START_MS)))
        self._inserter = Inserter(self._client, _fail)
        ran = run_flow(
            held_policy(), [log("phishing", 122, 58, eu_alone=True, ill=24)], START_MS + 3_600_000, sizes=lambda: 80
        )
        self._rows = list(ran.rows)
        self.server = Server(f"chdb://{folder}/clickhouse", "127.0.0.1:0")
        self.server.begin()

    def step(self, table: str) -> bool:
        """Store rows up to the next of a table, and tell whether there are more."""
        while self._rows:
            rows = self._rows.pop(0)
            self._inserter.add(rows)
            if rows.table == table:
                break
        self._inserter.flush()
        # Without it answers of before are kept for up to a second, and nobody would wait for what was stored just now.
        self.server.page.live.look()
        return bool(self._rows)

    def end(self) -> None:
        self.server.end()
        self._client.close()


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@contextmanager
def played(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[Sequence[Page]], None]]]:
    """The address of a page, what lets its release begin, and what lets it end before the eyes of open pages."""
    story = Played(folder)

    def finish(pages: Sequence[Page]) -> None:
        more = True
        while more:
            more = story.step("control")
            for page in pages:
                until(lambda page=page: page.evaluate(UP_TO_DATE))

    try:
        yield story.server.address, lambda: (story.step("release"), None)[1], finish
    finally:
        story.end()


@contextmanager
def demonstrated(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[Sequence[Page]], None]]]:
    """The same of a real demo."""
    arguments = ("demo", "--page", "127.0.0.1:0", "--seconds", "15", "--data", folder / "data")
    with serving(*arguments, cwd=folder) as (address, process):
        assert process.stdout is not None
        lines = iter(process.stdout)
        yield address, lambda: None, lambda _: (any(line.startswith("the page stays") for line in lines), None)[1]


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A release is watched from its first pane to its end: of a short log, at full length of the demo."""
    source = demonstrated if os.environ.get("ROLLGUARD_PROVE") == "1" else played
    with source(tmp_path_factory.mktemp("demo")) as (address, begin, finish):
        overview, release = Watched(browser), Watched(browser)
        overview.page.goto(address)
        begin()
        until(lambda: get(address + RELEASE)[0] == 200)
        # From now on nothing is loaded again.
        release.page.goto(address + RELEASE)
        for each in (overview, release):
            each.page.evaluate(WATCH)
        loads = len([url for url in release.requests if url.endswith(RELEASE)])
        finish([each.page for each in (overview, release)])
        for each, words in ((release, STORY[-1]), (overview, "users are well again")):
            until(lambda each=each, words=words: words in each.page.evaluate(HEADING))
        yield Demo(
            address,
            release.page.evaluate("window.said"),
            overview.page.evaluate("window.said"),
            loads,
            browser,
            [overview, release],
        )


def until(done: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < end, "too late"
        time.sleep(0.1)


def get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body as it comes over the wire, and headers."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def test_an_open_page_tells_the_story_of_a_rollback_without_a_reload(demo: Demo) -> None:
    seen = [place for words in STORY for place, said in enumerate(demo.said) if words in said]
    assert seen == sorted(seen), demo.said
    # The hour takes seconds: what lasts a minute of it may be over before a page asks again.
    assert any(STORY[1] in said for said in demo.said), demo.said
    assert STORY[-1] in demo.said[-1], demo.said
    assert any("held" in said for said in demo.overview), demo.overview
    assert "phishing v2 was rolled back, and users are well again" in demo.overview[-1]


def test_a_page_complains_of_nothing_and_asks_nobody_else(demo: Demo) -> None:
    for each in demo.watched:
        assert each.complaints == []
        assert each.hosts == {"127.0.0.1"}


PATHS = ("", RELEASE, "m/phishing/drift", "m/phishing", "m/phishing/scores", "health", "policy", "triage")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_can_be_used_by_everybody(demo: Demo, scheme: Any) -> None:
    watched = Watched(demo.browser, color_scheme=scheme)
    # What differs between light and dark are colours, which the first three pages have all of.
    for path in PATHS if scheme == "light" else PATHS[:3]:
        watched.page.goto(demo.address + path)
        assert violations(watched.page) == [], path
    assert watched.complaints == []
    watched.page.close()


def test_all_is_reached_by_the_keyboard(demo: Demo) -> None:
    watched = Watched(demo.browser)
    page = watched.page
    page.goto(demo.address + RELEASE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.className.baseVal ?? document.activeElement.tagName"))
    assert {"A", "BUTTON", "chart", "SUMMARY"} <= seen
    page.focus("svg.chart")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert re.match(r"\d\d:\d\d:\d\d all traffic .* : 1", page.locator(".cursor").first.text_content() or "")
    page.close()


def test_a_phone_needs_no_scrolling_sideways_and_paper_no_colours(demo: Demo) -> None:
    watched = Watched(demo.browser, viewport={"width": 420, "height": 900})
    for path in ("", RELEASE, "m/phishing", "m/phishing/drift", "m/phishing/scores", "events", "health"):
        watched.page.goto(demo.address + path)
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 420, path
    watched.page.emulate_media(media="print")
    assert len(watched.page.pdf()) > 10_000
    watched.page.close()


def test_who_is_on_call_sees_all_of_a_rollback_at_once_on_a_phone(demo: Demo) -> None:
    """Without scrolling: what, why, how sure, where, since when, what to do."""
    rolled_back = json.loads(get(demo.address + RELEASE + ".json")[1])["steps"]
    at = next(step["at"] for step in rolled_back if step["name"] == "rolled back")
    watched = Watched(demo.browser, viewport={"width": 420, "height": 900})
    page = watched.page
    page.goto(f"{demo.address}?at={at}")
    assert "phishing v2 is being rolled back" in (page.locator("h1").text_content() or "")
    assert page.locator("#urgent-1 dt").all_text_contents() == ["Why", "How sure", "Where", "Since", "What to do"]
    box = page.locator("#urgent-1").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 900
    assert page.locator("#urgent-1 dd a").first.get_attribute("href") == "/runbook/rollback.md"
    assert violations(page) == []
    page.close()


def test_a_page_says_for_how_long_nothing_new_came(demo: Demo) -> None:
    """A worker that has stopped looks like a quiet one otherwise."""
    stored = json.loads(get(demo.address + "index.json")[1])["counted"]["stored"]
    watched = Watched(demo.browser)
    for minutes, said in ((0, ""), (12, "· nothing new for 12 min"), (3_000, "· nothing new for 2 d")):
        watched.page.clock.set_fixed_time((stored + 60_000 * minutes) / 1_000)
        watched.page.goto(demo.address)
        assert watched.page.locator("#age").text_content() == said
        assert watched.page.locator("#age").is_visible() == bool(said)
    watched.page.close()


def test_details_focus_and_scroll_outlive_an_update(demo: Demo) -> None:
    watched = Watched(demo.browser)
    page = watched.page
    page.goto(demo.address + RELEASE)
    page.locator("summary").first.click()
    page.evaluate("document.querySelector('#where h2').textContent = 'other'")
    page.locator("#where a").nth(2).focus()
    text = page.evaluate("document.activeElement.textContent")
    page.evaluate("made = ''; update()")  # As if something had come.
    until(lambda: page.evaluate("document.querySelector('#where h2').textContent") == "Where")
    assert page.evaluate("document.activeElement.textContent") == text
    assert page.evaluate("document.querySelector('details').open")
    page.close()


def test_an_earlier_moment_is_shown_as_it_was(demo: Demo) -> None:
    status, body, _ = get(demo.address + RELEASE + ".json")
    assert status == 200
    now = json.loads(body)
    steps = {step["name"]: step["at"] for step in now["steps"]}
    _, body, _ = get(f"{demo.address}{RELEASE}.json?at={steps['rolled back'] - 20_000}")
    then = json.loads(body)
    assert then["state"]["word"] == "held"
    assert "rolled back" not in {step["name"] for step in then["steps"]}
    assert all(row["at"] < steps["rolled back"] for row in then["events"])
    _, page, _ = get(f"{demo.address}{RELEASE}?at={steps['rolled back'] - 20_000}")
    assert b"data-live" not in page
    assert now["sentences"][0].startswith("Worst in ")
    assert [step["name"] for step in now["steps"]] == [
        "released", "harm began", "held", "rolled back", "traffic moved", "users well",
    ]  # fmt: skip


def test_every_number_of_the_sentence_is_that_of_the_control_event(demo: Demo) -> None:
    release = json.loads(get(demo.address + RELEASE + ".json")[1])
    where = release["sentences"][0].removeprefix("Worst in ").partition(": ")[0].replace("all traffic", "*")
    (row,) = [row for row in release["table"]["rows"] if row["slice"] == where]
    (cell,) = [cell for cell in row["cells"] if cell["name"] == "correct"]
    n = cell["candidate_good"] + cell["candidate_bad"]
    assert f": correct: {cell['candidate_bad']} of {n} bad (" in release["sentences"][0]
    assert cell["verdict"] == "BAD"


def test_budgets_of_bytes_and_requests(demo: Demo) -> None:
    for path in ("", RELEASE, "m/phishing"):
        _, raw, _ = get(demo.address + path)
        status, packed, headers = get(demo.address + path, Accept_Encoding="gzip")
        assert status == 200
        assert decompress(packed) == raw
        assert len(raw) <= 150_000
        assert len(packed) <= 20_000
        assert get(demo.address + path, If_None_Match=headers["etag"])[0] == 304
    watched = Watched(demo.browser)
    watched.page.goto(demo.address + RELEASE)
    watched.page.wait_for_load_state("load")
    assert len(watched.requests) <= 8
    files = [get(url)[1] for url in watched.requests if "/static/" in url]
    assert sum(map(len, files)) <= 60_000
    watched.page.close()


def test_only_its_own_names_are_answered_and_nothing_is_changed(demo: Demo) -> None:
    assert get(demo.address, Host="evil.example")[0] == 421
    request = urllib.request.Request(demo.address, data=b"x", method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310
    assert refused.value.code == 405
    refused.value.close()
    status, body, headers = get(demo.address + "m/phishing?at=yesterday")
    assert (status, b"no time such as" in body) == (400, True)
    assert "script-src 'self'" in headers["content-security-policy"]
    assert get(demo.address + "m/nobody")[0] == 404
    assert get(demo.address + "static/x/..%2Fapp.py")[0] == 404
    assert get(demo.address + "readyz")[:2] == (200, b"ready\n")


def test_names_are_text_whatever_they_are(browser: Browser, tmp_path: Path) -> None:
    start = 1_760_000_000_000
    with (tmp_path / "events.ndjson").open("w") as file:
        for number in range(2_400):
            event = {
                "request_id": f"r{number}",
                "ts": start + number * 500,
                "model": f"a/b {HOSTILE}",
                "version": HOSTILE if number > 900 and number % 4 == 0 else "v1",
                "slices": {"region": HOSTILE, "segment": "x"},
                "error_type": HOSTILE if number % 9 == 0 else None,
            }
            file.write(json.dumps(event) + "\n")
    arguments = ("replay", tmp_path / "events.ndjson", "--out", tmp_path / "out", "--page", "127.0.0.1:0")
    with serving(*arguments, cwd=tmp_path) as (address, process):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("the page stays"):
                break
        watched = Watched(browser)
        watched.page.goto(address)
        watched.page.click(f"text={HOSTILE} >> nth=0")
        watched.page.wait_for_load_state("load")
        watched.page.goto(address)
        watched.page.locator("#models td a").first.click()
        watched.page.wait_for_load_state("load")
        assert HOSTILE in (watched.page.locator("h1").text_content() or "")
        assert watched.page.locator("img").count() == 0
        assert watched.page.title() != "1"
        assert watched.complaints == []
        assert violations(watched.page) == []
