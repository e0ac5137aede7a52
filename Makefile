# One file for newcomers, contributors and CI. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The machine's own pip settings choose the index; nothing here names one.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
NOTEBOOK := notebooks/quickstart.ipynb

# A stamp per kind of set-up: made again when what it depends on changes, quick otherwise.
BASE := $(VENV)/.stamp-base
TEST := $(VENV)/.stamp-test
LINT := $(VENV)/.stamp-lint

.PHONY: help demo test lab lint format bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(BASE) ## set up, get the model, run the quick start in a real kernel and show the answers
	$(BIN)/python -m codeface_jupyter.cli pull
	$(BIN)/python notebooks/run_demo.py $(NOTEBOOK) --output-dir build

lab: $(BASE) ## set up, then open JupyterLab on the quick start
	$(BIN)/jupyter lab $(NOTEBOOK)

test: $(BASE) $(TEST) ## set up, then run every test
	$(BIN)/python -m pytest

lint: $(BASE) $(TEST) $(LINT) ## check style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml

format: $(LINT) ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BASE) ## measure: streaming cost, speed (takes minutes)
	$(BIN)/python benchmarks/streaming_overhead.py

clean: ## remove the set-up and everything built
	rm -rf $(VENV) build dist

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"

$(BASE): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up .venv (the first time takes some minutes) …"
	# PyTorch first: its plain build for the processor, where one is offered, is a tenth of the size.
	$(PIP) install "$$(grep '^torch==' constraints.txt)"
	$(PIP) install --constraint constraints.txt --editable ".[lab]" --group demo
	@touch $@

$(TEST): $(BASE)
	$(PIP) install --constraint constraints.txt --group test
	@touch $@

$(LINT): $(BASE)
	$(PIP) install --constraint constraints.txt --group lint
	@touch $@
