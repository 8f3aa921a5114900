"""`rollguard reference build` and texts that are numbers: what is refused or noted, and what says that it is a name."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from flows import cli
from operators.connectors import csv_files
from operators.profiles.profile import Field, from_json

Reference = Callable[..., Result]
AMOUNTS = [round(100 + 20 * float(each), 2) for each in np.random.default_rng(8).normal(size=300)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reference:
    """Runs `rollguard reference build ... --out p.json` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    words = ("reference", "build", "--out", "p.json")
    return lambda *more: CliRunner().invoke(cli.app, [*words, *map(str, more)])


def fields() -> dict[str, Field]:
    return from_json(Path("p.json").read_bytes()).fields


def table(values: Sequence[str], name: str = "amount") -> str:
    """A CSV file of one column of these texts, quoted, and one of numbers."""
    Path("t.csv").write_text(f"{name},other\n" + "".join(f'"{value}",1\n' for value in values))
    return "t.csv"


def some(form: str, often: int = 1) -> list[str]:
    """Every `often`-th amount in a form, the others as numbers are written."""
    return [form.format(each) if at % often == 0 else f"{each}" for at, each in enumerate(AMOUNTS)]


def comma(number: float) -> str:
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(
    "texts",
    [
        [comma(each) for each in AMOUNTS],
        [comma(100 * each) for each in AMOUNTS],
        [comma(each) if at % 100 == 0 else str(each) for at, each in enumerate(AMOUNTS)],
        [f"{100 * each:,.2f}" for each in AMOUNTS],
        *(some(form) for form in ("{} %", "\u20ac {}", "{}kg", "{} ms", "({})", "\u2212{}", "EUR {}")),
        *(some(form, often=100) for form in ("-", "None", "?", "<NA>", "na", "unknown", "{}kg", "{} %")),
    ],
    ids=lambda texts: texts[0],
)
def test_numbers_that_are_written_otherwise_are_refused(run: Reference, texts: Sequence[str]) -> None:
    """Before, they became hundreds of categories, of which events have none."""
    done = run(table(texts))
    assert (done.exit_code, Path("p.json").exists()) == (2, False)
    odd = min(
        (text for text in texts if not text.replace(".", "").isdigit()), key=lambda text: (-texts.count(text), text)
    )
    assert f"features.amount: {odd!r} is no number" in done.output
    assert "write a number as 1.5" in done.output
    assert run("t.csv", "--category", "features.amount").exit_code == 0, "unless these are names"
    assert fields()["features.amount"].kind == "category"


@pytest.mark.parametrize(
    "texts",
    [
        ["visa", "amex"],
        ["18-25", "26-40"],
        ["500 ml", "750 ml"],
        ["3XL", "5G"],
        ["2026-01-01", "2026-01-02"],
        ["12:30", "14:00"],
        ["1001", "A17", "B9"],
        [f"P{number}" for number in range(300)],
    ],
    ids=lambda texts: texts[0],
)
def test_names_are_categories_without_a_word(run: Reference, texts: Sequence[str]) -> None:
    done = run(table(list(texts) * 20))
    assert done.exit_code == 0, done.output
    assert "is no number" not in done.output
    assert fields()["features.amount"].kind == "category"


def test_what_is_missing_among_names_or_few_marks_is_noted(run: Reference) -> None:
    done = run(table(["visa", "None", "visa"]))
    assert "note: features.amount: 'None' is a category, as 1 values: missing is empty" in done.output
    done = run(table(["1", "2", "3", "-"]))
    assert "note: features.amount: '-' is no number, but 3 of 4 values of its column are" in done.output


def test_codes_that_begin_with_a_zero_stay_texts(run: Reference) -> None:
    """Before, 01234 was the number 1234, and the text that events have was unseen."""
    done = run(table(["01234", "10115", "99999"]))
    assert fields()["features.amount"].categories == ("01234", "10115", "99999")
    assert "note: features.amount: '01234' begins with a 0" in done.output


def test_whole_numbers_may_be_names(run: Reference) -> None:
    assert run(table(["17", "4"]), "--category", "features.amount").exit_code == 0
    assert fields()["features.amount"].categories == ("17", "4")
    done = run("t.csv", "--category", "amount")
    assert (done.exit_code, "--category amount: no item has it; there are features.amount" in done.output) == (2, True)


@pytest.mark.parametrize("column", ["latency_ms", "score", "metrics.cost"])
def test_texts_in_a_number_of_events_are_refused(run: Reference, column: str) -> None:
    """Before, the field was left out without a word."""
    done = run(table(["0,5", "0,7"], column))
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert f"column '{column}' has texts, such as '0,5'" in done.output


def test_a_text_that_comes_late_is_named(run: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    """The types of columns are those of the first block."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 1_000)
    done = run(table([*map(str, AMOUNTS), "-"]))
    assert (done.exit_code, "column 'amount' holds numbers before, and then '-'" in done.output) == (1, True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"amount;price\n1,5;2,5\n", "separated by commas, not by ';', and decimals written as 1.5"),
        (b"amount\tprice\n1,5\t2,5\n", "separated by commas, not by '\\t'"),
        ("amount,price\n1.5,2.5\n".encode("utf-16"), "it is in UTF-16: write it in UTF-8"),
        (b"amount, price\n1.5,2.5\n", "the name of column ' price' has spaces around it"),
    ],
)
def test_other_forms_of_tables_are_refused(run: Reference, content: bytes, says: str) -> None:
    Path("t.csv").write_bytes(content)
    done = run("t.csv")
    assert (done.exit_code, done.output.count("\n"), says in done.output) == (1, 1, True)


def test_a_byte_order_mark_is_no_part_of_a_name(run: Reference) -> None:
    Path("t.csv").write_bytes("amount,price\n1.5,2.5\n".encode("utf-8-sig"))
    assert run("t.csv").exit_code == 0
    assert set(fields()) == {"features.amount", "features.price"}


def events(values: Sequence[Any]) -> str:
    event = {"ts": 1_763_683_200_000, "model": "m", "version": "v1"}
    lines = (event | {"request_id": f"r{at}", "features": {"amount": value}} for at, value in enumerate(values))
    Path("e.ndjson").write_text("\n".join(map(json.dumps, lines)))
    return "e.ndjson"


def test_events_and_typed_tables_too(run: Reference) -> None:
    """There a text was meant to be one; a measured number in quotes was not. Decimals of Parquet are numbers."""
    quoted = [str(each) for each in AMOUNTS]
    parquet.write_table(pa.table({"amount": quoted}), "t.parquet")
    for done in (run(events(quoted)), run("t.parquet")):
        assert done.exit_code == 2
        assert "is a number in quotes, as are 300 of 300 values" in done.output
    assert run(events([comma(each) for each in AMOUNTS])).exit_code == 2
    assert run(events([f"{number}" for number in range(1_000, 1_100)] * 4)).exit_code == 0
    assert run(events(["01234", "10115"])).output.count("note") == 0
    parquet.write_table(pa.table({"amount": [Decimal(each) for each in quoted]}), "t.parquet")
    assert run("t.parquet").exit_code == 0
    assert fields()["features.amount"].kind == "number"


def test_texts_among_numbers_and_rare_names_are_noted(run: Reference) -> None:
    done = run(events([*AMOUNTS, "-", "-", "-"]))
    assert (
        "note: features.amount: '-' is a text, as are 3 of 303 values among numbers: they count as unseen"
        in done.output
    )
    done = run(events([f"P{number}" for number in range(300)] * 4))
    assert "note: features.amount: its 50 most frequent values of 300 are " in done.output


def test_texts_where_the_profile_has_numbers_are_refused(run: Reference) -> None:
    """A later week with one `-` would be a week without any value."""
    run(events(AMOUNTS))
    Path("p.json").rename("first.json")
    done = run(table(some("-", often=100)), "--like", "first.json")
    assert (done.exit_code, "features.amount is a number there, but here 300 of 300" in done.output) == (2, True)
