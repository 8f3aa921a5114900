# Everything a person does with this repository. `make help` lists the targets.
.DEFAULT_GOAL := help
PY := .venv/bin/python
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup demo test prove lint format type unit bench migrate clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Make .venv with all packages (every other target does it by itself)
	@infra/setup

demo: setup ## Serve a real classifier in two versions, watch it live, ask the results by SQL
	@.venv/bin/rollguard demo

test: setup lint type ## Everything that must hold: lint, types, all tests
	$(PY) -m pytest -q

lint: setup ## Check style and formatting
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

format: setup ## Format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

type: setup ## Check types
	.venv/bin/mypy

unit: setup ## The fast tests: no servers, no real data
	$(PY) -m pytest -q tests/unit tests/laws tests/dataflows

bench: setup ## Print throughput as ratios against ceilings measured in the same run
	$(PY) -m tests.bench

migrate: setup ## Make or update the tables of the configured ClickHouse
	@.venv/bin/rollguard migrate

clean: ## Remove the environment, caches and what the demo left
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .benchmarks rollguard-data build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
