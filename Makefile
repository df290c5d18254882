# Everything that is done with this tree, each by one command. A target makes what it needs: the
# first one makes a virtual environment, for which it needs the network, and no later one does.
#
#     make test PYTHON=python3.13     uses an environment of its own, .venv-python3.13
#     make demo ARGS=--help           hands arguments on
#     make suite TRUNKLINE_IMPL=native    runs with compiled modules, after compiling them
#
# Paths are relative, and tools are run as modules, because a path with a blank in it breaks Make's
# lists and the first line of a script.

PYTHON ?= python3
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
ARGS ?=

# The tests start some thousand interpreters, and one that may not keep what it has compiled takes
# three times as long to begin.
unexport PYTHONDONTWRITEBYTECODE

# Some tests wait for something, so that a few more run at a time than there are processors. Each
# process more has to read all tests first.
PROCESSES ?= $(shell expr 3 \* "$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" / 2)
SIDE_BY_SIDE := --numprocesses $(PROCESSES) --dist worksteal

# Where `make quick` ends: at the first failure. With `make quick UNTIL=` it goes on.
UNTIL ?= -x

# How many variants of a test it runs: a few. With `make quick VARIANTS=` it runs all.
VARIANTS ?= --variants 2

# Exit status 5 is that there are none, which is no failure if only some were asked for.
OR_NONE := $(if $(ARGS),|| [ $$? -eq 5 ])

RUN := $(VENV)/bin/python -m
READY := $(VENV)/ready
DOCS_READY := $(VENV)/ready-docs
LIBRARIES_READY := $(VENV)/ready-libraries
DIST_READY := $(VENV)/ready-dist
SANITIZED := build/sanitized
SANITIZERS := -fsanitize=address,undefined
COMPILED := $(if $(filter native,$(TRUNKLINE_IMPL)),native)
INSTALL := $(RUN) pip install --quiet --disable-pip-version-check
BENCH_RUN := bench/.venv/bin/python -m bench
BENCH_READY := bench/.venv/absent.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo native native-sanitize test suite thorough quick soak loop-tests lint types format \
    bench bench-quick bench-timers docs dist dist-check wheel wheel-check clean

help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Stream a text through the tutorial's echo server and client, and compare
	@$(VENV)/bin/python examples/demo.py $(ARGS)

native: $(READY) ## Compile the busiest modules, beside their sources
	TRUNKLINE_IMPL=native "$(VENV)/bin/python" setup.py --quiet build_ext --inplace

# Nothing is compiled beside the sources: it lies where PYTHONPATH finds it, and pytest too, which is
# told where to look. Other programs are left out, since what is loaded first is loaded there, too.
native-sanitize: $(READY) ## Compile with sanitizers of addresses and undefined behaviour, and test that
	TRUNKLINE_IMPL=native LDFLAGS="$(SANITIZERS)" \
	    CFLAGS="$(SANITIZERS) -fno-sanitize-recover=undefined -O1 -g1 -w" "$(VENV)/bin/python" \
	    setup.py --quiet build --build-base $(SANITIZED) --build-lib $(SANITIZED)/lib
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
	    TRUNKLINE_IMPL=native TRUNKLINE_SANITIZED=$(SANITIZED) PYTHONPATH="$(CURDIR)/$(SANITIZED)/lib" \
	    TRUNKLINE_TEST_BACKENDS=best $(RUN) pytest $(SIDE_BY_SIDE) $(VARIANTS) \
	    -o pythonpath="$(SANITIZED)/lib . tests examples" -o timeout=300 \
	    -m "not slow and not thorough and not soak and not alone and not needs_program" \
	    tests/test_sanitized.py tests/_core tests/_sys tests/streams tests/multiplex $(ARGS)

test: lint types suite ## Check the style, the types, and what everything promises

suite: $(READY) $(COMPILED) ## Run the test suite, side by side
	$(RUN) pytest $(SIDE_BY_SIDE) -m "not soak and not thorough and not alone" $(ARGS) $(OR_NONE)

thorough: $(DOCS_READY) $(LIBRARIES_READY) $(COMPILED) ## Run what takes longer: faults, all variants of programs, loads, the pages
	$(RUN) pytest $(SIDE_BY_SIDE) -m "thorough and not soak and not alone" $(ARGS) $(OR_NONE)
	$(RUN) pytest -m "alone and not soak" $(ARGS) $(OR_NONE)

quick: $(READY) $(COMPILED) ## Run a few variants of each quick test, on one backend, up to the first failure
	TRUNKLINE_TEST_BACKENDS=best $(RUN) pytest $(SIDE_BY_SIDE) $(UNTIL) $(VARIANTS) \
	    -m "not slow and not thorough and not soak and not alone" \
	    --ignore=tests/examples --ignore=tests/bench $(ARGS)

soak: $(READY) $(COMPILED) ## Run the tests that do the same thing for a long time
	$(RUN) pytest -m soak -o faulthandler_timeout=0 $(ARGS) $(OR_NONE)

loop-tests: $(READY) ## Run the tests of event loops that come with Python on ours
	$(VENV)/bin/python -X dev tools/loop_tests.py $(ARGS)

lint: $(READY) ## Check the style
	$(RUN) ruff check
	$(RUN) ruff format --check

# Pyright asks the first Python on the path where modules are. Its report on what is public is long,
# and of interest if something is not known. Mypy works beside it, and both say what they find.
types: $(READY) ## Check the types
	@$(RUN) mypy & mypy=$$!; status=0; export PATH="$(VENV)/bin:$$PATH"; \
	    $(RUN) pyright || status=1; \
	    $(RUN) pyright --verifytypes trunkline --ignoreexternal > "$(VENV)/types.txt" \
	        || { cat "$(VENV)/types.txt"; status=1; }; \
	    wait $$mypy && exit $$status

format: $(READY) ## Rewrite the source in our style
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: $(BENCH_READY) ## Measure server CPU time beside peers and a C program; takes long
	$(BENCH_RUN).run $(ARGS)

bench-quick: $(BENCH_READY) ## The same in under two minutes, and less exact
	$(BENCH_RUN).run --quick $(ARGS)

bench-timers: $(BENCH_READY) ## Measure what a timer costs if there are many
	PYTHONPATH=src $(BENCH_RUN).timers $(ARGS)

docs: $(DOCS_READY) ## Build the documentation into docs/_build; a warning is an error
	TRUNKLINE_IMPL=pure $(RUN) sphinx -W -n docs docs/_build

# Setuptools would go on packing what it once listed.
dist: $(DIST_READY) ## Build the source distribution, and from it a wheel of sources, into dist/
	rm -rf dist build/lib build/bdist* src/*.egg-info/SOURCES.txt
	TRUNKLINE_IMPL=pure $(RUN) build --quiet
	$(RUN) twine check --strict dist/*

dist-check: dist ## Install that wheel where there is nothing else, and see whether all is there
	"$(PYTHON)" -m venv --clear "$(VENV)/clean"
	"$(VENV)/clean/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl
	"$(VENV)/clean/bin/python" -I tools/check_dist.py dist

# It is built from the source distribution, to show that all is in that. Auditwheel, which runs
# another program, gives it the name of the oldest system that it works on.
wheel: dist ## Build a wheel with compiled modules, for this Python, into dist/native/
	TRUNKLINE_IMPL=native $(RUN) pip wheel --quiet --disable-pip-version-check --no-deps \
	    --no-cache-dir --wheel-dir dist/built dist/*.tar.gz
	PATH="$(VENV)/bin:$$PATH" $(RUN) auditwheel repair --wheel-dir dist/native dist/built/*.whl

wheel-check: wheel ## Install that one where there is nothing else, and see whether all is there
	"$(PYTHON)" -m venv --clear "$(VENV)/clean"
	"$(VENV)/clean/bin/python" -m pip install --quiet --disable-pip-version-check dist/native/*.whl
	TRUNKLINE_IMPL=native "$(VENV)/clean/bin/python" -I tools/check_dist.py dist dist/native

clean: ## Remove everything that was made here, the virtual environments too
	rm -rf .venv .venv-* bench/.venv build dist src/*.egg-info docs/_build
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests examples bench tools -name __pycache__ -exec rm -rf {} +
	find src -name '*.so' -delete

# An environment is made once and brought up to date when pyproject.toml changes. The file `ready`
# is written last, so that a half-made one is made again. Git and Ruff keep out by its .gitignore,
# which Python itself writes from version 3.13. The pip that comes with Python may be older than
# dependency groups, which 25.1 is the first to know.

$(READY): pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Trunkline needs Python 3.11 or later; $(PYTHON) is not." >&2; \
	    echo "Name one that is: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@"$(PYTHON)" -m venv "$(VENV)"
	@echo '*' > "$(VENV)/.gitignore"
	@$(INSTALL) 'pip>=25.1'
	@TRUNKLINE_IMPL=pure $(INSTALL) --editable . --group dev
	@touch $@

# The peers have an environment of their own; those that cannot be installed are noted there.
$(BENCH_READY): bench/requirements.txt
	@"$(PYTHON)" -m bench.peers

$(DOCS_READY): $(READY)
	@echo "Setting up $(VENV) for the documentation ..."
	@$(INSTALL) --group docs
	@touch $@

$(LIBRARIES_READY): $(READY)
	@echo "Setting up $(VENV) with libraries that run on the event loop ..."
	@$(INSTALL) --group libraries
	@touch $@

$(DIST_READY): $(READY)
	@echo "Setting up $(VENV) for building distributions ..."
	@$(INSTALL) --group dist
	@touch $@
