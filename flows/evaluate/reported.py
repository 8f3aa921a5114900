"""Which requests users complain about: from files of feedback, or from the store."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from flows import settings
from flows.enrich.files import GivenFile, messages_of
from flows.sql import require_store
from operators.connectors.clickhouse.lines import write_lines
from operators.evaluate.reported import DOWN, is_complaint
from operators.evaluators.llm import Llm
from operators.ingest.formats.registry import FORMATS
from operators.policy.policy import Policy
from operators.wire.events import Request

REPORTED = "reported.ndjson"


def complained_of(files: Sequence[Path], policy: Policy, form: str, started_ms: int) -> tuple[frozenset[str], int]:
    """Return the ids of requests that feedback in these files complains about, and the number refused. OSError."""
    decoder = FORMATS[form].decoder("feedback", policy)
    found: set[str] = set()
    refused = 0
    for path in files:
        path.open("rb").close()
        for messages in messages_of(GivenFile(path=path, stream="feedback", form=form), policy, started_ms):
            decoded = decoder.decode(messages)
            refused += len(decoded.rejects)
            streams = decoded.streams or ["feedback"] * len(decoded.items)
            for item, stream in zip(decoded.items, streams, strict=True):
                if stream == "feedback" and is_complaint(item):
                    found.add(item.request_id)
    return frozenset(found), refused


def for_reports(policy: Policy) -> Policy:
    """Return a policy that draws no sample and judges only reported requests; golden cases are left to the worker.

    Otherwise requests beyond the worker's budget would count for their version, but only where users complained.
    """
    evaluators = tuple(
        msgspec.structs.replace(each, share=0.0, **({"golden": None} if isinstance(each, Llm) else {}))
        for each in policy.evaluators
    )
    evaluate = msgspec.structs.replace(policy.evaluate, share=0.0, rate=())
    return msgspec.structs.replace(policy, evaluators=evaluators, evaluate=evaluate)


def stored(url: str, days: int, most: int, folder: Path) -> tuple[Path, frozenset[str]]:
    """Write the unjudged requests of the last days that users complain about; return the file, and their ids.

    Of each model they are the newest, at most `most`, so a request whose judgement always fails blocks no later one.

    ClickHouseError, QueryError, OSError.
    """
    require_store(url)
    path = folder / REPORTED
    since = datetime.now(UTC) - timedelta(days=days)
    text = (settings.migrations() / "evaluate" / "reported.sql").read_text("utf-8")
    write_lines(url, text, {"since": since.strftime("%Y-%m-%d %H:%M:%S"), "down": list(DOWN), "most": most}, path)
    decode = msgspec.json.Decoder(Request).decode
    return path, frozenset(decode(line).request_id for line in path.read_bytes().splitlines())
