"""`rollguard run`, `archive` and `enrich`, the long-running workers: thin."""

from pathlib import Path

import msgspec

from flows.cli_errors import guarded
from flows.input_options import FeedbackFormatOption, FormatOption, PolicyOption, with_formats
from flows.page_cli import PageOption
from flows.worker_options import (
    AddressesOption,
    EpochOption,
    ListenOption,
    ProcessOption,
    RecoveryOption,
    StartOption,
    options_of,
    work,
)


@guarded
def run_command(
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-state"),
    start: StartOption = "beginning",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9464",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
    page: PageOption = None,
) -> None:
    """Watch Kafka's topics until stopped: the long-running worker."""
    from flows import worker  # noqa: PLC0415  # It brings the Kafka client, which nothing else needs.

    options = options_of(recovery_folder, start, epoch, listen, process, addresses)
    where = with_formats(events_format=form, feedback_format=feedback_form)
    work(worker.run, where, policy, msgspec.structs.replace(options, page=page))


@guarded
def archive_command(
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-archive-state"),
    start: StartOption = "beginning",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9465",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
) -> None:
    """Store every event of Kafka's topic in ClickHouse until stopped: the request log."""
    from flows.archive import worker  # noqa: PLC0415  # It brings the Kafka client.

    where = with_formats(events_format=form)
    work(worker.run, where, policy, options_of(recovery_folder, start, epoch, listen, process, addresses))


@guarded
def enrich_command(
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-enrich-state"),
    start: StartOption = "beginning",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9466",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
) -> None:
    """Join feedback that names only a request with the request log until stopped."""
    from flows.enrich import worker  # noqa: PLC0415  # It brings the Kafka client.

    where = with_formats(raw_feedback_format=form)
    work(worker.run, where, policy, options_of(recovery_folder, start, epoch, listen, process, addresses))
