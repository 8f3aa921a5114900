"""A process of a cluster whose address is taken says so, before the engine panics."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig

from flows import engine


def test_an_own_address_in_use_is_named(tmp_path: Path) -> None:
    store = RecoveryConfig(str(tmp_path))  # type: ignore[no-untyped-call]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="Address already in use") as raised:
            engine.run(Dataflow("none"), 0, [address, "127.0.0.1:1"], timedelta(seconds=1), store)
        assert raised.value.filename == address
