"""Blocks of rows: how large an insert is, which bytes it sends, and how to find the row that makes it fail."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from operators.connectors.clickhouse.errors import InsertError

BLOCK_ROWS = 20_000
BLOCK_BYTES = 32 << 20  # Of uncompressed columns; a single row may be larger.
# Per block. With more the table is at fault, not the rows: then nothing may be thrown away.
REJECTS_MAX = 100

_IPC = pa.ipc.IpcWriteOptions(compression="lz4")


def isolate(
    rows: int,
    attempt: Callable[[int, int], str | None],
    reject: Callable[[int, str], None],
    table: str,
) -> None:
    """Attempt all rows at once, and after an error in halves, down to the row to reject.

    The halves come in order. InsertError after `REJECTS_MAX` rejected rows.
    """
    rejected = 0
    spans = [(0, rows)]
    while spans:
        start, stop = spans.pop()
        error = attempt(start, stop)
        if error is None:
            continue
        if stop - start > 1:
            middle = (start + stop) // 2
            spans += [(middle, stop), (start, middle)]
            continue
        if rejected == REJECTS_MAX:
            raise InsertError(table, rows, 1, f"more than {REJECTS_MAX} bad rows, the last: {error}")
        reject(start, error)
        rejected += 1


def sift(
    spans: Sequence[tuple[int, int]],
    attempt: Callable[[int, int], str | None],
    worth_it: Callable[[], bool],
) -> list[tuple[int, int, str]]:
    """Attempt spans of rows, and after an error in halves; return the spans that were not taken, with the errors.

    These are single rows, unless there are more than `REJECTS_MAX`, or `worth_it` finds that nothing is taken now.
    """
    left: list[tuple[int, int, str]] = []
    todo = list(reversed(spans))
    divided = False
    while todo:
        start, stop = todo.pop()
        error = attempt(start, stop)
        if error is None:
            continue
        if not divided and not worth_it():
            return [*left, (start, stop, error), *((*span, error) for span in reversed(todo))]
        divided = True
        if stop - start > 1 and len(left) < REJECTS_MAX:
            middle = (start + stop) // 2
            todo += [(middle, stop), (start, middle)]
        else:
            left.append((start, stop, error))
    return left


def blocks(table: pa.Table) -> Iterator[pa.Table]:
    """Yield halves of halves until they are small enough, so that the same rows give the same blocks."""
    rows = table.num_rows
    if rows == 1 or (rows <= BLOCK_ROWS and table.nbytes <= BLOCK_BYTES):
        yield table
        return
    yield from blocks(table.slice(0, rows // 2))
    yield from blocks(table.slice(rows // 2))


def serialise(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    # One chunk per column, so that the bytes depend on the rows and not on how they were collected.
    whole = table.combine_chunks()
    with pa.ipc.new_stream(sink, whole.schema, options=_IPC) as writer:
        writer.write_table(whole)
    return bytes(sink.getvalue())
