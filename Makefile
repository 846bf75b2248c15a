# Needs Python 3.10 or newer, make and git; everything else goes into .venv. `make help` lists the targets.

# To choose the interpreter: make PYTHON=python3.12 test
PYTHON ?=
# Processes that run the tests, one thread each.
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
# A copied or moved tree gets an environment of its own: the old one would still run the old sources.
HERE := $(shell pwd | cksum | cut -d ' ' -f 1)
MADE := $(VENV)/.made-$(HERE)
RUNTIME := $(VENV)/.runtime-$(HERE)
TESTING := $(VENV)/.test-$(HERE)
DOCUMENTING := $(VENV)/.docs-$(HERE)

PIP := $(BIN)/python -m pip install --quiet
PYTEST := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test test-all bench lint docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## find a law in real measurements and write a report
	@$(BIN)/splinework demo

test: $(TESTING) ## everything a push must pass: style, types, layers, tests, doctests
	@$(lint)
	@echo "== pytest"; $(PYTEST)

test-all: $(TESTING) ## the same, with the tests marked slow
	@$(lint)
	@echo "== pytest"; $(PYTEST) -m "slow or not slow"

bench: $(RUNTIME) ## run every benchmarks/bench_*.py
	@set -e; for script in benchmarks/bench_*.py; do \
	  [ -e "$$script" ] || { echo "no benchmarks/bench_*.py yet"; break; }; \
	  echo "== $$script"; $(BIN)/python "$$script"; \
	done

lint: $(TESTING) ## style, types and layers only
	@$(lint)

docs: $(DOCUMENTING) ## build docs/_build/html, warnings as errors
	@rm -rf docs/api
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean: ## remove .venv, caches and built pages
	rm -rf $(VENV) build dist docs/_build docs/api .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define lint
set -e; \
echo "== ruff"; $(BIN)/ruff check .; $(BIN)/ruff format --check .; \
echo "== mypy"; $(BIN)/mypy --strict; \
echo "== import-linter"; $(BIN)/lint-imports --no-logo
endef

# ---------------------------------------------------------------------------------------- the environment

$(MADE):
	@if [ -e $(VENV) ] && ! ls $(VENV)/.made-* >/dev/null 2>&1; then \
	  echo "$(VENV) exists and is not of this Makefile's making. Move it away, or: make VENV=.venv-make" >&2; exit 1; \
	fi; \
	found=; old=; bare=; \
	for name in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10 python); do \
	  "$$name" -c 'pass' >/dev/null 2>&1 || continue; \
	  if ! "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then old="$$name"; continue; fi; \
	  if ! "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then bare="$$name"; continue; fi; \
	  found="$$name"; break; \
	done; \
	if [ -z "$$found" ]; then \
	  if [ -n "$$bare" ]; then \
	    echo "$$bare has no venv module. Install it (Debian and Ubuntu: apt install python3-venv) and try again."; \
	  elif [ -n "$$old" ]; then \
	    echo "splinework needs Python 3.10 or newer; $$old is $$("$$old" -V 2>&1). Install a newer one or name it: make PYTHON=python3.12 demo"; \
	  else \
	    echo "No working $(or $(PYTHON),python3) found. Install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3 demo"; \
	  fi >&2; exit 1; \
	fi; \
	rm -rf $(VENV); "$$found" -m venv $(VENV)
	@touch $@

$(RUNTIME): pyproject.toml $(MADE)
	@echo "installing splinework into $(VENV) (first time: a few minutes)"
	@$(PIP) --editable . || { echo "The install failed; what pip said stands above. If it found no torch for your Python, try another: make clean, then make PYTHON=python3.12 demo" >&2; exit 1; }
	@touch $@

$(TESTING): pyproject.toml $(RUNTIME)
	@echo "installing the test tools into $(VENV)"
	@$(PIP) --editable ".[test]"
	@touch $@

$(DOCUMENTING): pyproject.toml $(RUNTIME)
	@echo "installing the documentation tools into $(VENV)"
	@$(PIP) --editable ".[docs]"
	@touch $@
