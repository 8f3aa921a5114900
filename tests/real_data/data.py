"""The public data sets: where they are, and how their files are read. They are not part of this repository."""

import csv
import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

VARIABLE = "ROLLGUARD_DATA"
BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "data"


def folder() -> Path:
    """Return the folder of the data sets, whether or not it exists."""
    return Path(os.environ.get(VARIABLE) or BESIDE_THE_CHECKOUT)


@cache
def read_csv(name: str) -> list[dict[str, str]]:
    """Return the rows of a .csv or .csv.gz file as text, column by column name."""
    path = folder() / name
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_json(name: str) -> Any:
    return msgspec.json.decode((folder() / name).read_bytes())
