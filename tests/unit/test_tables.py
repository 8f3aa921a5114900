"""Tables as tools export them: what they mean comes out, or one line says what is wrong."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from operators.connectors import csv_files
from operators.connectors.tabular import TableReader, is_table


def rows(path: Path) -> list[dict[str, Any]]:
    reader, found = TableReader(path, 0, lambda count: None), []
    while (messages := reader.read()) is not None:
        found += [json.loads(text) for text in messages.values]
    return found


def csv_of(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "t.csv"
    path.write_text(text, encoding)
    return path


def parquet_of(folder: Path, **columns: Any) -> Path:
    path = folder / "t.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def test_names_that_look_like_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    (row,) = rows(csv_of(tmp_path, "version,slices.shop,request_id,error_type\n1.10,007,0815,500\n"))
    assert (row["version"], row["slices"], row["request_id"]) == ("1.10", {"shop": "007"}, "0815")
    assert row["error_type"] == "500"


def test_slices_of_a_typed_table_are_texts(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"slices.shop": [7], "slices": [{"paid": True, "region": None}], "version": [2.0]}
    (row,) = rows(parquet_of(tmp_path, **columns))
    assert (row["slices"], row["version"]) == ({"shop": "7", "paid": "true"}, "2")


def test_numbers_are_numbers_whatever_their_type(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"price": [Decimal("1.25"), None], "input_tokens": [5.0, None]}
    first, second = rows(parquet_of(tmp_path, **columns))
    assert (first["features"], first["input_tokens"]) == ({"price": 1.25}, 5)
    assert not {"features", "input_tokens"} & set(second)


def test_fractions_may_come_late_in_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 1_000)
    found = rows(csv_of(tmp_path, "amount,note\n" + "1,x\n" * 1_000 + "1.5,y\n"))
    assert (len(found), found[-1]["features"]) == (1_001, {"amount": 1.5, "note": "y"})


def test_features_of_a_map_stand_beside_those_of_columns(tmp_path: Path) -> None:
    maps = pa.array([[("a", 1.0)]], pa.map_(pa.string(), pa.float64()))
    for columns in ({"features": maps, "b": [2.0]}, {"features.b": [2.0], "features": maps}):
        (row,) = rows(parquet_of(tmp_path, **columns))
        assert row["features"] == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    ("text", "encoding", "why"),
    [
        ("amount,amount\n1,2\n", "utf-8", "several columns are named 'amount'"),
        ("amount;age\n1;2\n", "utf-8", "separated by commas, not by ';'"),
        ("features,amount\nred,1\n", "utf-8", "'features' holds no struct but string"),
        ("city\nKöln\n", "latin-1", "'city' is not in UTF-8"),
        ("größe,age\n1,2\n", "latin-1", "can't decode"),
    ],
)
def test_what_is_no_table_of_events_is_said_in_a_line(tmp_path: Path, text: str, encoding: str, why: str) -> None:
    with pytest.raises(OSError, match=why):
        rows(csv_of(tmp_path, text, encoding))


@pytest.mark.parametrize("zone", [None, "Mars/Olympus"])
def test_times_that_nobody_can_read_are_said_in_a_line(tmp_path: Path, zone: str | None) -> None:
    with pytest.raises(OSError, match="after row 0"):
        rows(parquet_of(tmp_path, when=pa.array([1 << 62], pa.timestamp("us", zone))))


def test_the_name_of_a_table_may_be_in_capitals_or_compressed(tmp_path: Path) -> None:
    assert [is_table(Path(name)) for name in ("A.CSV", "a.csv.gz", "a.Parquet", "a.ndjson.gz")] == [True] * 3 + [False]
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("amount\n1\n")
    assert rows(tmp_path / "t.csv.gz")[0]["features"] == {"amount": 1.0}
