"""The place: where things are and how they are reached. The only reader of the environment.

variable                 meaning                                              default
ROLLGUARD_CLICKHOUSE     address of ClickHouse, chdb:///folder or http(s)://  the embedded store in rollguard-data
ROLLGUARD_POLICY         the policy file                                      the policy that comes with rollguard
ROLLGUARD_LOG_FORMAT     text or json                                         text
ROLLGUARD_LOG_LEVEL      debug, info, warning or error                        warning
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from operators.connectors.clickhouse_address import Address
from operators.policy import Policy, PolicyError
from operators.policy_toml import parse

DATA = Path("rollguard-data")
HERE = Path(__file__).resolve().parent


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`clickhouse` is None when only the embedded store is meant."""

    clickhouse: str | None = None
    policy: Path = HERE / "policy.toml"
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. `msgspec.ValidationError` names a variable with a wrong value."""
    prefix = "ROLLGUARD_"
    known = {name: value for name in Settings.__struct_fields__ if (value := environment.get(prefix + name.upper()))}
    try:
        settings = msgspec.convert(known, Settings, dec_hook=lambda _, value: Path(value))
    except msgspec.ValidationError as error:
        path = str(error).rpartition("$.")[2].rstrip("`")
        wrong = f"{prefix}{path.upper()} = {known.get(path)!r}: {str(error).partition(' - at')[0]}"
        raise msgspec.ValidationError(wrong) from error
    try:
        Address.parse(settings.clickhouse or embedded(DATA))
    except ValueError as error:
        raise msgspec.ValidationError(f"{prefix}CLICKHOUSE: {error}") from error
    return settings


def load_policy(path: Path) -> Policy:
    """Read and check a policy; PolicyError also when the file cannot be read."""
    try:
        return parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError("policy", str(path), f"cannot be read: {error}") from error


def embedded(folder: Path) -> str:
    """Return the address of the embedded ClickHouse store in a data folder."""
    return f"chdb://{quote(str((folder / 'clickhouse').resolve()))}"


def store(where: Settings, data: Path | None) -> str:
    """Return the address to ask: the folder that was named, else the configured ClickHouse, else the usual folder."""
    if data is None and where.clickhouse is not None:
        return where.clickhouse
    return embedded(data or DATA)


def migrations() -> Path:
    """Return the folder of the ClickHouse migrations: in the wheel, or in a checkout."""
    inside = HERE / "infra" / "clickhouse"
    return inside if inside.is_dir() else HERE.parent / "infra" / "clickhouse"
