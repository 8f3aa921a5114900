"""What can go wrong with ClickHouse, and who is to blame for a failed insert.

    ClickHouseError
    ├── EmbeddedError     the folder of the embedded engine cannot be opened
    ├── UnreachableError  nobody answers at the address
    ├── RefusedError      the server answers, but not to us: user, password, database, grant
    └── InsertError       rows could not be stored, and sending them again would not help (any more)

No message holds a password: addresses are written without user and password.
"""

from enum import Enum, auto

from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_connect.driver.exceptions import DataError, NotSupportedError, ProgrammingError


class ClickHouseError(Exception):
    pass


class EmbeddedError(ClickHouseError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"cannot open the embedded ClickHouse at {path}: {why}")
        self.path = path


class UnreachableError(ClickHouseError):
    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"no ClickHouse answers at {address}: {why}")
        self.address = address


class RefusedError(ClickHouseError):
    def __init__(self, address: str, why: str, code: int | None) -> None:
        super().__init__(f"ClickHouse at {address} refuses: {why}")
        self.address = address
        self.code = code


class InsertError(ClickHouseError):
    def __init__(self, table: str, rows: int, attempts: int, why: str) -> None:
        super().__init__(f"{rows} rows for {table} not stored after {attempts} attempts: {why}")
        self.table = table
        self.rows = rows
        self.attempts = attempts


class Blame(Enum):
    """Who is to blame for a failed insert, hence what to do."""

    ROWS = auto()  # Find the row and set it aside.
    SETUP = auto()  # A person must change something: stop at once.
    SERVICE = auto()  # The fault may pass: send the same rows again.


# Errors of parsing and conversion, and a violated constraint (469).
_ROWS = frozenset({6, 26, 27, 33, 38, 41, 53, 70, 72, 117, 131, 349, 407, 469})
# No such column, table, database or setting, wrong syntax, read-only user, no grant, wrong user or password.
SETUP_CODES = frozenset({16, 47, 60, 62, 81, 115, 164, 192, 193, 194, 497, 516})


def blame(error: DriverError) -> Blame:
    """Judge an error of the driver; an unknown one, such as a lost connection, may pass.

    >>> from clickhouse_connect.driver.exceptions import DatabaseError
    >>> blame(DatabaseError("no such table", code=60))
    <Blame.SETUP: 2>
    """
    code = getattr(error, "code", None)
    # Neither errors of the driver itself nor lost connections have a code: look at their types.
    if isinstance(error, DataError) or code in _ROWS:
        return Blame.ROWS
    wrong_use = isinstance(error, ProgrammingError | NotSupportedError)
    return Blame.SETUP if wrong_use or code in SETUP_CODES else Blame.SERVICE


def brief(error: BaseException) -> str:
    """Return the first line of an error's text, without the server's stack trace."""
    lines = str(error).split("Stack trace", maxsplit=1)[0].strip().splitlines()
    return lines[0][:500] if lines else type(error).__name__
