"""The input formats: a line each."""

from collections.abc import Mapping

from operators.ingest.formats import native
from operators.ingest.formats.format import InputFormat

FORMATS: Mapping[str, InputFormat] = {
    each.name: each
    for each in (
        native.FORMAT,
    )
}  # fmt: skip
