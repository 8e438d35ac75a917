# `make` alone prints the targets. Everything happens inside .venv; nothing else on the machine is touched.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
.PHONY: help install demo test check format postgres bench crash faults fuzz mutants reference lock audit sbom clean

BIN := .venv/bin
LOCK := requirements/requirements.lock
LIVE := requirements/production.lock
MANY := requirements/scale.lock
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes \
  --no-emit-index-url --no-annotate --no-header --quiet
READY := .venv/.ready
# one more than there are cores: tests also wait, for vendors that are silent and processes that are killed
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# how many random lives `make crash` plays on each database
SEEDS ?= 20
ON_POSTGRES := $(patsubst %,tests/adapter/test_%.py,store reconcile budgets missed messenger outbox outage watching \
  brakes postgresql distributed races retention undoing auditor lookout transfer \
  recall pressure) \
  $(patsubst %,tests/journeys/test_%.py,calls climbing merged missed moved orders renewals second_choice troubles \
  who_hears several_processes onlookers replay erasure taken_back put_right let_go)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# the first python that is new enough; `make install PYTHON=/path/to/python` chooses another
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

help:  ## Print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## Make .venv from the lock file; does nothing if it is up to date

demo: $(READY)  ## Play a morning at two pretend vendors; ONCE=1 ends by itself
	@$(BIN)/stepladder demo $(if $(ONCE),--once)

test: $(READY)  ## Run the tests; ARGS="-k name" is passed on
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

postgres: $(READY)  ## Run what must hold on PostgreSQL too, on a server of its own; ARGS="-k name" is passed on
	@STEPLADDER_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
	  $(ON_POSTGRES) $(ARGS)

check: $(READY)  ## Everything that must be green: format, lint, types, import rules, tests, policies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	@for policy in policies/library/*.yaml; do $(BIN)/stepladder policy check "$$policy" || exit 1; done

format: $(READY)  ## Put the code in the house's form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## Measure; docs/benchmarks.md says what the figures mean
	@$(BIN)/python tests/bench $(ARGS)

crash: $(READY)  ## Kill it at random moments and at every statement, on both databases; SEEDS=2 ARGS=--short for less
	@$(BIN)/python -m tests.crash --seeds $(SEEDS) $(ARGS)
	@test $(SEEDS) -lt 20 || STEPLADDER_CRASHES=all $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
	  tests/journeys/test_every_statement.py tests/journeys/test_model.py

faults: $(READY)  ## Play every fault at every call, and hundreds of random lives; takes a quarter of an hour
	@STEPLADDER_FAULTS=all $(BIN)/python -m pytest -n auto tests/journeys/test_fault_matrix.py \
	  tests/journeys/test_interleavings.py $(ARGS)

fuzz: $(READY)  ## Feed made-up deliveries to the readers, guided by coverage; ARGS="--seconds 600" for longer
	@$(PIP) install atheris==3.0.0
	@$(BIN)/python tests/bench/fuzzing.py $(ARGS)

reference: $(READY)  ## Write docs/reference.md from the program
	@$(BIN)/stepladder policy reference > docs/reference.md

mutants: $(READY)  ## Change the deciding rooms in small ways and see what no test notices; docs/testing.md explains
	@$(PIP) install mutmut==3.8.1
	@nice -n 19 $(BIN)/python tests/bench/mutants.py $(ARGS)

lock: $(BIN)/python  ## Choose the newest versions that fit pyproject.toml and write the lock file
	@$(PIP) install uv
	@$(COMPILE) pyproject.toml requirements/build.in --extra sandbox --extra scale --group dev --output-file $(LOCK) >/dev/null
	@$(COMPILE) pyproject.toml requirements/build.in --constraints $(LOCK) --output-file $(LIVE) >/dev/null
	@$(COMPILE) pyproject.toml requirements/build.in --extra scale --constraints $(LOCK) --output-file $(MANY) >/dev/null
	@for file in $(LOCK) $(LIVE) $(MANY); do echo "$$file is written: $$(grep -c '==' $$file) packages"; done

audit: $(READY)  ## Ask whether anything in the lock files has a known weakness; needs the network
	@$(PIP) install pip-audit==2.10.1
	@for file in $(LOCK) $(LIVE) $(MANY); do $(BIN)/pip-audit --strict --require-hashes --disable-pip -r $$file || exit 1; done

sbom: $(READY)  ## Write down what an installation consists of, as CycloneDX, into dist/
	@$(PIP) install uv cyclonedx-bom==7.5.0
	@mkdir -p dist
	@$(COMPILE) pyproject.toml --constraints $(LIVE) --output-file dist/production.txt >/dev/null
	@$(COMPILE) pyproject.toml --extra scale --constraints $(MANY) --output-file dist/scale.txt >/dev/null
	@for kind in production scale; do $(BIN)/cyclonedx-py requirements --output-reproducible --of JSON \
	  --pyproject pyproject.toml -o dist/sbom-$$kind.json dist/$$kind.txt && rm dist/$$kind.txt \
	  && echo "dist/sbom-$$kind.json is written" || exit 1; done

clean:  ## Remove .venv and every cache; your settings and database stay
	rm -rf .venv .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Stepladder needs Python 3.11 or newer; found: $$("$(or $(PYTHON),python3)" --version 2>&1)." \
	  "Install one, or name it: make install PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module." \
	  "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# the stamp is written last, so a broken-off install is done again
$(READY): $(LOCK) pyproject.toml | $(BIN)/python
	@echo "installing from $(LOCK)"
	@$(PIP) install --require-hashes --only-binary :all: -r $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
