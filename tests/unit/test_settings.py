"""The environment is read in one place, and a wrong variable is named."""

import ast
import os
from pathlib import Path

import msgspec
import pytest

from flows import policy_files, settings
from operators.connectors.clickhouse.address import Address
from operators.policy.errors import PolicyError

ROOT = Path(__file__).parents[2]


def test_nothing_set_gives_the_defaults() -> None:
    assert settings.load({}) == settings.Settings()
    assert settings.load({"ROLLGUARD_LOG_LEVEL": "", "OTHER": "x"}) == settings.Settings()


def test_every_setting_is_read() -> None:
    found = settings.load(
        {
            "ROLLGUARD_CLICKHOUSE": "http://user:secret@host:8123/db",
            "ROLLGUARD_POLICY": "p.toml",
            "ROLLGUARD_LOG_FORMAT": "json",
            "ROLLGUARD_LOG_LEVEL": "debug",
        }
    )
    assert found == settings.Settings(
        clickhouse="http://user:secret@host:8123/db", policy=Path("p.toml"), log_format="json", log_level="debug"
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ROLLGUARD_LOG_LEVEL", "loud", "'loud'"),
        ("ROLLGUARD_LOG_FORMAT", "xml", "'xml'"),
        ("ROLLGUARD_EVENTS_FORMAT", "xml", "must be one of native, otlp, arrow"),
        ("ROLLGUARD_MORE_TOPICS", "shop.events", "must be TOPIC:events or TOPIC:feedback"),
        ("ROLLGUARD_MORE_TOPICS", "inference.feedback:events:otlp", "is named twice"),
        ("ROLLGUARD_RAW_FEEDBACK_FORMAT", "xml", "'xml'"),
        ("ROLLGUARD_CLICKHOUSE", "ftp://host", "starts with chdb://"),
        ("ROLLGUARD_CLICKHOUSE", "http://user:abc/s3cret@host", "%2F"),
        ("ROLLGUARD_COMMAND_KEY", "s3cret", "length >= 16"),
        ("ROLLGUARD_WEBHOOK_KEY", "s3cret", "length >= 16"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=name) as caught:
        settings.load({name: value})
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value), "no part of a password is shown"


def test_a_policy_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    latin = tmp_path / "latin.toml"
    for path, named in ((tmp_path / "missing.toml", tmp_path / "missing.toml"), (tmp_path, latin), (latin, latin)):
        with pytest.raises(PolicyError, match="cannot be read") as caught:
            policy_files.load_policy(path)
        assert caught.value.value == str(named)


@pytest.mark.parametrize("name", ["plain", "sp ace", "h#ash", "100%41", "ümlaut"])
def test_the_embedded_store_lies_in_its_folder_whatever_the_name(tmp_path: Path, name: str) -> None:
    """A folder with # in its name once had its store in another one."""
    address = Address.parse(settings.embedded(tmp_path / name))
    assert address.path == str(tmp_path / name / "clickhouse")


def test_only_settings_reads_the_environment() -> None:
    readers = []
    for path in sorted([*ROOT.glob("operators/**/*.py"), *ROOT.glob("flows/**/*.py")]):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        if names & {"environ", "getenv"}:
            readers.append(path.relative_to(ROOT).as_posix())
    assert readers == ["flows/settings.py"]


def test_a_folder_of_policies_is_read_beside_what_editors_and_archives_leave(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_bytes(b'\xef\xbb\xbfmodels = ["shop"]\r\n')
    (tmp_path / "._shop.toml").write_bytes(b"\x00\x05\x16\x07\xff")
    (tmp_path / ".#shop.toml").symlink_to("ann@host.1234")
    assert [each.team for each in policy_files.load_policy(tmp_path).teams] == ["shop"]


@pytest.mark.parametrize("name", ["*", "a\nb", os.fsdecode(b"\xff")])
def test_a_file_whose_name_cannot_be_kept_is_refused(name: str, tmp_path: Path) -> None:
    """All files together are known by one of these names, and another is no text."""
    (tmp_path / f"{name}.toml").write_text('models = ["shop"]\n')
    with pytest.raises(PolicyError, match="is no name for a file of a team"):
        policy_files.load_policy(tmp_path)
