"""What stands for no slice at all is no slice value that anybody can send."""

import json

import pytest

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.window.partial import UNSLICED
from operators.window.series_index import NOWHERE, SeriesIndex
from tests.dataflows.making import POLICY, START_MS, received
from tests.fast_kernels import kernels

__all__ = ["kernels"]  # A fixture.


@pytest.mark.parametrize("value", ["\0unsliced", UNSLICED, UNSLICED.strip(), UNSLICED[:-1]])
def test_no_value_of_an_event_hides_it_from_its_slices(kernels: None, value: str) -> None:
    """Events with a value that looked so were in no slice of their dimension, and no rule on slices saw them."""
    policy = parse(POLICY)
    event = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v", "slices": {"region": value}}
    taken = Partition("p", "events", ("p",), policy).take(received([json.dumps(event).encode()]))
    (part,) = [part for _, given in taken.inputs for _, part in given.partials]
    index = SeriesIndex(policy.dimensions, policy.grains)
    assert (index.parents(part.series) != NOWHERE).all()
