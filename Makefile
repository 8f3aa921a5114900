# Everything a person does with this repository. `make help` lists the targets.
.DEFAULT_GOAL := help
PY := .venv/bin/python
# Tests start hundreds of processes, each of which would compile rollguard again.
unexport PYTHONDONTWRITEBYTECODE
# Three processes on two cores, because tests with Kafka wait half of their time; tests/parallel.py says who runs what.
PYTEST := $(PY) -m pytest -q -n 3
TIMED := tests/integration/test_hostile.py  # At full length it compares times: nothing may run beside it.

.PHONY: help setup demo demo-llm test ci prove lint format type unit bench bench-whole figures pictures migrate kafka kafka-stop clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Make .venv with all packages (every other target does it by itself)
	@infra/setup

demo: setup ## Serve a real classifier in two versions, watch it live, ask the results by SQL
	@.venv/bin/rollguard demo

demo-llm: setup ## Judge an assistant's answers, triage complaints, and stop the bug by an eval set
	@.venv/bin/rollguard demo --llm

test: setup lint type ## Everything that must hold: lint, types, all tests
	$(PYTEST)

ci: test ## What continuous integration runs: .ci/run is this

prove: setup ## The same tests at full length: more examples, a million messages (an hour and a half)
	ROLLGUARD_PROVE=1 $(PYTEST) tests/unit tests/laws tests/dataflows tests/integration tests/real_data --ignore $(TIMED)
	ROLLGUARD_PROVE=1 $(PY) -m pytest -q $(TIMED)

lint: setup ## Check style and formatting
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

format: setup ## Format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

type: setup ## Check types
	.venv/bin/mypy

unit: setup ## The fast tests: no servers, no real data
	$(PYTEST) tests/unit tests/laws tests/dataflows

bench: setup ## Print throughput as ratios against ceilings measured in the same run
	$(PY) -m tests.bench

bench-whole: setup ## Print what an event costs from the file to the store, with many models, series and rules (an hour)
	$(PY) -m tests.bench.end_to_end

figures: setup ## Print the tables of docs/figures.md: false rollbacks and power, ours and others', simulated (an hour)
	$(PY) -m tests.bench.simulate_bursts
	$(PY) -m tests.bench.simulate_measures
	$(PY) -m tests.bench.simulate_strata
	$(PY) -m tests.bench.simulate_labels
	$(PY) -m tests.bench.simulate_outcome_slices
	$(PY) -m tests.bench.simulate_users

migrate: setup ## Make or update the tables of the configured ClickHouse
	@.venv/bin/rollguard migrate

pictures: setup ## Make the pictures in docs/pictures anew, by a browser that looks at a demo (needs chromium)
	$(PY) -m tests.pictures

kafka: setup ## Start a real Kafka on 127.0.0.1:9092, with rollguard's topics (needs Java 17, and Maven once)
	@$(PY) infra/kafka/broker.py start

kafka-stop: setup ## Stop it; its data stays in build/kafka/data
	@$(PY) infra/kafka/broker.py stop

clean: ## Remove the environment, caches, the development Kafka and what the demo left
	@if [ -x $(PY) ]; then $(PY) infra/kafka/broker.py stop; fi
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .benchmarks rollguard-data build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
