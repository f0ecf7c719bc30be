# Everything a developer or CI needs; needs only python3 (3.11 or newer, with venv), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers a core: drills wait for servers more than they compute.
WORKERS ?= auto

.PHONY: help demo test cluster check bench format clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1  /p' $(MAKEFILE_LIST) | column -t -l 2 2>/dev/null || grep '##' $(MAKEFILE_LIST)

$(VENV)/ready: pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: restore-tester needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)"; echo "hint: install it and say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: this Python has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run make again"; exit 1; }
	@echo "setting up $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(VENV)/ready ## drill a fleet of sound and spoiled backups, in front of you
	@$(BIN)/restore-tester demo

test: $(VENV)/ready ## every test but the cluster's, in parallel
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --ignore tests/cluster

cluster: $(VENV)/ready ## the chart on the cluster of $$KUBECONFIG: docs/kubernetes.md says what it needs
	$(BIN)/python -m pytest tests/cluster

check: $(VENV)/ready ## lint, types, layers, and what grew long
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/long.py restore_tester tools

bench: $(VENV)/ready ## the figures of the README, measured here in interleaved pairs
	$(BIN)/python -m tests.benchmarks

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache restore-tester-demo
