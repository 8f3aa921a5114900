"""Sends rows that ClickHouse refused again: from dead letters in the worker's topic, or in files of replays."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import brief
from operators.connectors.clickhouse.inserter import SETTINGS
from operators.connectors.clickhouse.refused import Poison, is_letter, row_of
from operators.connectors.kafka.config import KafkaConfig


class Resent(msgspec.Struct, kw_only=True):
    """How many rows are stored now, how many were refused again, and how many do not fit their table at all.

    `last` is the last refusal, in words; `strange` counts items that were not dead letters.
    """

    stored: int = 0
    refused: int = 0
    misfit: int = 0
    last: str = ""
    strange: int = 0


def run(letters: Iterable[bytes], url: str) -> Resent:
    """Send every refused row among dead letters once. A row that is already stored replaces itself. ClickHouseError."""
    client = open_clickhouse(url)
    resent = Resent()
    try:
        for letter in letters:
            row = row_of(letter)
            if row is not None:
                _send(client, row, resent)
            elif not is_letter(letter):
                resent.strange += 1
    finally:
        client.close()
    return resent


def _send(client: Client, row: Poison, resent: Resent) -> None:
    if not row.arrow:
        resent.misfit += 1
        resent.last = f"{row.table}: {row.error}"
        return
    token = f"{row.table}:{blake2b(row.arrow, digest_size=16).hexdigest()}"
    once = SETTINGS | {"insert_deduplication_token": token}
    try:
        columns = pa.ipc.open_stream(row.arrow).schema.names
        client.raw_insert(row.table, columns, row.arrow, once, "ArrowStream")
    except (DriverError, pa.ArrowInvalid) as error:
        resent.refused += 1
        resent.last = f"{row.table}: {brief(error)}"
    else:
        resent.stored += 1


def of_files(paths: Iterable[Path]) -> Iterator[bytes]:
    """Return the dead letters of files, one a line. OSError."""
    for path in paths:
        with path.open("rb") as file:
            yield from file


def of_topic(config: KafkaConfig, topic: str) -> Iterator[bytes]:
    """Return all dead letters that are in a topic. KafkaFailure."""
    from operators.connectors.control.topic import TopicFollower  # noqa: PLC0415  # It brings the Kafka client.

    follower = TopicFollower(config, topic, "beginning")
    try:
        while not follower.at_end:
            yield from (written.body for written in follower.read())
    finally:
        follower.close()
