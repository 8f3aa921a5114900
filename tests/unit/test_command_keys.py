"""Keys of commands: what each may say, who is named, and that a retired one changes nothing that was said before."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from flows import cli, command_secrets, policy_files, settings
from operators.ingest.credentials import Credentials
from operators.ingest.partition import Partition
from operators.policy.command_keys import DEFAULT_KEY
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.window.waiting_commands import Sent
from operators.wire.commands import Release
from operators.wire.signing import sign
from tests.dataflows.making import POLICY, START_MS, received
from tests.policies import refused

OPS, DEPLOY = "the secret of operations", "the secret of the pipeline"
KEYS = """
[commands]
signed = true
[[commands.key]]
id = "ops"
name = "operations"
env = "OPS_KEY"
[[commands.key]]
id = "deploy"
name = "the pipeline"
models = ["m", "search-*"]
types = ["release", "silence"]
file = "deploy.key"
retired = 2025-10-09T09:00:00Z
"""
RETIRED_MS = 1_760_000_400_000


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    """A policy with keys, and their secrets, one in a variable and one in a file."""
    monkeypatch.setenv("OPS_KEY", OPS)
    monkeypatch.delenv("ROLLGUARD_COMMAND_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.key").write_text(DEPLOY + "\n")
    (tmp_path / "policy.toml").write_text(POLICY + KEYS)
    monkeypatch.setenv("ROLLGUARD_POLICY", str(tmp_path / "policy.toml"))
    return settings.load()


def held(where: settings.Settings) -> Credentials:
    return command_secrets.credentials(where, policy_files.load_policy(where.policy))


def release(secret: str, **fields: Any) -> dict[str, Any]:
    body = {"type": "release", "id": "r", "ts": START_MS, "model": "m", "candidate": "v2", "baseline": "v1"} | fields
    return body | {"signature": sign(body, secret)}


def said(credentials: Credentials, body: dict[str, Any]) -> str:
    """Return who said a command that was taken, or why it was not."""
    one = Partition("commands", "commands", ("commands",), parse(POLICY), credentials)
    batch = one.take(received([json.dumps(body).encode()]))
    if batch.rejects:
        return batch.rejects[0].reason
    return next(each.command.by for _, item in batch.inputs for _, each in item.commands if isinstance(each, Sent))


def silence(model: str | None, key: str = "ops", secret: str = OPS) -> dict[str, Any]:
    body = {
        "type": "silence",
        "id": "s",
        "ts": START_MS,
        "until": START_MS + 1,
        "rule": "r",
        "model": model,
        "key": key,
    }
    return body | {"signature": sign(body, secret)}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (release(OPS, key="ops", by="the boss"), "operations"),
        (release(DEPLOY, key="deploy", by="operations"), "the pipeline"),
        (release(DEPLOY, key="deploy", model="search-eu"), "the pipeline"),
        (release(DEPLOY, key="deploy", model="other"), "not_allowed"),
        (release(DEPLOY, key="ops"), "bad_signature"),
        (release(OPS, key="deploy"), "bad_signature"),
        (release(OPS) | {"key": "ops"}, "bad_signature"),
        (release(OPS), "unknown_key"),
        (release(OPS, key="gone"), "unknown_key"),
        (release(OPS, key="ops") | {"signature": ""}, "unsigned"),
        (release(DEPLOY, key="deploy", type="ack", event="e"), "not_allowed"),
        (release(DEPLOY, key="deploy", ts=RETIRED_MS - 1), "the pipeline"),
        (release(DEPLOY, key="deploy", ts=RETIRED_MS), "retired_key"),
        (release(OPS, key="ops", ts=RETIRED_MS), "operations"),
        (silence("m", "deploy", DEPLOY), "the pipeline"),
        (silence(None, "deploy", DEPLOY), "not_allowed"),
        (silence(None), "operations"),
    ],
)
def test_a_command_is_believed_by_its_key_and_says_no_more_than_that_may(
    where: settings.Settings, body: dict[str, Any], answer: str
) -> None:
    assert said(held(where), body) == answer


def test_a_retired_key_cannot_sign_for_the_time_before(where: settings.Settings) -> None:
    """Where the broker's own clock says when it got a command; else only its sender knows."""
    body = json.dumps(release(DEPLOY, key="deploy", ts=RETIRED_MS - 1)).encode()

    def refused(received_ms: int, *, appended: bool) -> list[str]:
        messages = msgspec.structs.replace(received([body], received_ms=received_ms), appended=np.array([appended]))
        one = Partition("commands", "commands", ("commands",), parse(POLICY), held(where))
        return [reject.reason for reject in one.take(messages).rejects]

    assert refused(RETIRED_MS - 1, appended=True) == []
    assert refused(RETIRED_MS, appended=True) == ["retired_key"]
    assert refused(RETIRED_MS, appended=False) == []


def test_the_key_of_the_environment_has_all_rights_beside_the_others(where: settings.Settings) -> None:
    both = held(msgspec.structs.replace(where, command_key="a key of some length"))
    assert said(both, release("a key of some length", by="me")) == DEFAULT_KEY
    assert said(both, release("a key of some length", key=DEFAULT_KEY)) == DEFAULT_KEY
    assert said(both, release(OPS, key="ops")) == "operations"


def test_without_signatures_whoever_writes_is_believed_to_be_whom_he_claims() -> None:
    assert said(Credentials(), release(OPS, by="ann", key="ops")) == "ann"


def test_all_models_are_silenced_with_the_right_to_it_and_to_all_models(where: settings.Settings) -> None:
    text = where.policy.read_text()
    for types, answer in (('["silence"]', "not_allowed"), ('["silence-all", "silence"]', "operations")):
        where.policy.write_text(text.replace('env = "OPS_KEY"', f'env = "OPS_KEY"\ntypes = {types}'))
        assert said(held(where), silence(None)) == answer
        assert said(held(where), silence("m")) == "operations"
    where.policy.write_text(text.replace('env = "OPS_KEY"', 'env = "OPS_KEY"\nmodels = ["m*"]'))
    assert said(held(where), silence(None)) == "not_allowed"


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("signed = true", "signed = false", "commands.signed", "must be true"),
        ('id = "deploy"', 'id = "ops"', "commands.key[1].id", "is named twice"),
        ('id = "deploy"', 'id = "default"', "commands.key[1].id", "ROLLGUARD_COMMAND_KEY"),
        ('id = "deploy"', 'id = "d e"', "commands.key[1].id", "must be letters"),
        ('name = "operations"', 'name = ""', "commands.key[0].name", "whose key"),
        ('env = "OPS_KEY"\n', "", "commands.key[0].env", "either"),
        ('env = "OPS_KEY"', 'env = "OPS_KEY"\nfile = "x"', "commands.key[0].env", "either"),
        ('env = "OPS_KEY"', 'env = "a secret, really"', "commands.key[0].env", "not the secret itself"),
        ('"release", "silence"', '"release", "destroy"', "commands.key[1].types", "must be one of release, override"),
        ('["release", "silence"]', "[]", "commands.key[1].types", "must name something"),
        ("retired = 2025-10-09T09:00:00Z", "retired = 2025-10-09", "commands.key[1].retired", ""),
        ('file = "deploy.key"', 'file = "deploy.key"\nsecret = "x"', "commands.key[1].secret", "is not a key"),
    ],
)
def test_a_wrong_key_is_named(old: str, new: str, key: str, says: str) -> None:
    refused(POLICY + KEYS.replace(old, new), key, says)


@pytest.mark.parametrize("secret", ["", "too short", "CHANGE-ME-CHANGE-ME"])
def test_a_secret_that_cannot_be_used_stops_the_start_and_is_not_shown(
    where: settings.Settings, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("OPS_KEY", secret)
    with pytest.raises(PolicyError, match="OPS_KEY") as caught:
        held(where)
    assert not secret or secret not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(where: settings.Settings) -> None:
    where.policy.with_name("deploy.key").unlink()
    with pytest.raises(PolicyError, match=r"deploy\.key"):
        held(where)


@pytest.mark.parametrize("signed", ["", "[commands]\nsigned = true\n"])
def test_the_placeholder_of_the_examples_is_refused_at_the_start(where: settings.Settings, signed: str) -> None:
    examples = (settings.HERE.parent / "infra/systemd/environment.example").read_text()
    (key,) = [line.partition("=")[2] for line in examples.splitlines() if line.startswith("ROLLGUARD_COMMAND_KEY=")]
    with pytest.raises(msgspec.ValidationError, match="ROLLGUARD_COMMAND_KEY: is the placeholder"):
        command_secrets.credentials(msgspec.structs.replace(where, command_key=key), parse(POLICY + signed))


def test_no_secret_is_shown(where: settings.Settings) -> None:
    text = repr(held(msgspec.structs.replace(where, command_key="a key of some length")))
    assert text == "Credentials(keys=['default', 'deploy', 'ops'])"


def test_the_command_line_signs_with_a_key_of_the_policy(where: settings.Settings) -> None:
    words = ["release", "m", "--candidate", "v2", "--baseline", "v1", "--by", "me", "--file", "out", "--key", "ops"]
    result = CliRunner().invoke(cli.app, ["control", *words])
    assert result.exit_code == 0, result.output
    body = Path("out").read_bytes()
    command = msgspec.json.decode(body, type=Release)
    assert command.key == "ops"
    assert held(where).fault_of(command, body) is None


@pytest.mark.parametrize(
    ("words", "retired", "says"),
    [
        ("release m --candidate v2 --baseline v1", True, "key deploy was retired before the command was given"),
        ("kill m v2", False, "key deploy may not kill"),
        ("release shop --candidate v2 --baseline v1", False, "key deploy has no right to model shop"),
        ("silence --rule slo --for 1h", False, "key deploy may not silence all models"),
    ],
)
def test_what_a_key_has_no_right_to_is_not_sent(where: settings.Settings, words: str, retired: bool, says: str) -> None:
    """An id and exit code 0 looked like success: that the worker refused it stood on the control topic alone."""
    text = Path(where.policy).read_text()
    Path(where.policy).write_text(text if retired else text.replace("retired", "# retired"))
    result = CliRunner().invoke(cli.app, ["control", *words.split(), "--file", "out", "--key", "deploy"])
    assert (result.exit_code, Path("out").exists()) == (2, False)
    assert says in result.output


def test_a_key_that_is_not_there_is_one_line(where: settings.Settings) -> None:
    for key, says in (("nobody", "is none of the keys ops, deploy"), (DEFAULT_KEY, "ROLLGUARD_COMMAND_KEY is not set")):
        result = CliRunner().invoke(cli.app, ["control", "override", "m", "v2", "--file", "out", "--key", key])
        assert result.exit_code == 2
        assert says in result.output
        assert not Path("out").exists()
