"""How often cycles of garbage are looked for."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import backtest_cli, cli, replay_cli


def test_runs_over_files_search_as_rarely_as_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They count as workers do: of 1,000 models a quarter of a replay's time went to the search."""
    rarely = list[str]()
    monkeypatch.setattr(replay_cli, "collect_rarely", lambda: rarely.append("replay"))
    monkeypatch.setattr(backtest_cli, "collect_rarely", lambda: rarely.append("backtest"))
    missing, policy = str(tmp_path / "missing.ndjson"), tmp_path / "policy.toml"
    policy.write_text("")
    CliRunner().invoke(cli.app, ["replay", missing, "--out", str(tmp_path / "out")])
    CliRunner().invoke(cli.app, ["backtest", missing, "--policy", str(policy)])
    assert rarely == ["replay", "backtest"]
