"""What slots keep on disk: every region holds what it was given last, room is used again, and a full disk is named."""

import errno
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.connectors.spill import SpillFile, size_of, spilling
from operators.window.fence import OutOfStep
from operators.window.packing import unpack
from operators.window.pane_items import Closed, HoldsEnough, ReplayRequest
from operators.window.partial import unwatched
from operators.window.recall import PaneReplay, PaneStore
from tests.laws.partials import ANCHOR_MS, PANE_MS, partial_of, plain

PANE = ANCHOR_MS // PANE_MS


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.binary(max_size=20_000)), max_size=60))
def test_regions_hold_what_they_were_given_last(steps: list[tuple[int, bytes | None]]) -> None:
    with TemporaryDirectory() as folder, spilling(Path(folder)) as file:
        regions = [file.region() for _ in range(5)]
        wanted = [b""] * 5
        for which, data in steps:
            if data is None:
                regions[which].drop()
            else:
                regions[which].keep(data)
            wanted[which] = data or b""
            assert [region.read() for region in regions] == wanted
        assert not list(Path(folder).iterdir()), "nobody finds it, and nothing is left of it"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SpillFile]:
    with spilling(tmp_path) as file:
        yield file


def test_a_region_that_fits_is_used_again(file: SpillFile) -> None:
    one, other = file.region(), file.region()
    for size in (5_000, 6_000, 5_500):
        one.keep(bytes(size))
    assert file._end == size_of(6_000)
    one.drop()
    other.keep(bytes(5_900))
    assert file._end == size_of(6_000)


def test_a_slot_keeps_its_pane_there(file: SpillFile) -> None:
    part = partial_of([])
    slot = PaneStore(None, file.region())
    assert slot.held is None
    slot.push(Closed(pane=PANE, on_time=part))
    assert slot.held == PaneStore(slot.held).held
    answer = PaneStore(slot.held, file.region()).push(ReplayRequest(pane=PANE))
    assert isinstance(answer, PaneReplay)
    assert plain(unpack(answer.on_time)) == plain(unwatched(part))
    slot.push(HoldsEnough(pane=PANE, ring=0))
    assert slot.held is None
    with pytest.raises(OutOfStep, match="holding None"):
        slot.push(ReplayRequest(pane=PANE))


@pytest.fixture
def files_of_a_megabyte() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def fill(folder: Path, size: int) -> None:
    with spilling(folder) as file:
        while True:
            file.region().keep(bytes(size))


@pytest.mark.parametrize("size", [3_000, 2 << 20])
def test_a_disk_without_room_is_named(size: int, tmp_path: Path, files_of_a_megabyte: None) -> None:
    """Also where panes are small, and last as the file is closed."""
    with pytest.raises(OSError, match="see to its disk, then start again") as raised:
        fill(tmp_path, size)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(tmp_path))
