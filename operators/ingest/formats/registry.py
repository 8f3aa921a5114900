"""The input formats: a line each."""

from collections.abc import Callable, Mapping

from operators.ingest.formats import native
from operators.ingest.formats.arrow import arrow
from operators.ingest.formats.format import InputFormat, ItemDecoder
from operators.ingest.formats.otlp import otlp
from operators.policy.policy import Policy

FORMATS: Mapping[str, InputFormat] = {
    each.name: each
    for each in (
        native.FORMAT,
        otlp.FORMAT,
        arrow.FORMAT,
    )
}  # fmt: skip


def request_decoder_of(form: str) -> Callable[[Policy], ItemDecoder]:
    """Return the maker of a decoder of requests, for the request log. ValueError if the format has none."""
    made = FORMATS[form].requests
    if made is None:
        raise ValueError(f"the format {form} has no requests: what is in it cannot be archived")
    return made
