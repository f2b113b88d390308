# Every target does its own set-up. Python 3.11 or newer and make are enough for `make run`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The tools that look at what the bridge is made of, apart from it: nothing of theirs runs in its environment.
SUPPLY := build/supply
SERVER ?=
ARGS ?=
SOAK ?= 600
FUZZ ?= 60
MUTANTS ?= 200
HOSTILE ?= 10000
SEED ?=

.DEFAULT_GOAL := help
.PHONY: help run run-scala check test test-all bare soak soak-slow silent fuzz hostile mutants lint pins audit sbom bench bench-quick bench-recovery bench-flooders bench-framing clean unit for-test for-test-all

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.run ## the bridge with its demo server; SERVER=host:port for your own, ARGS="--port 9000" for more
	@$(BIN)/python app.py $(if $(SERVER),--server $(SERVER),--demo) $(ARGS)

run-scala: $(VENV)/.run ## build and start the Scala example, with the bridge in front
	@tools/need.sh mvn java
	@tools/run-scala.sh $(BIN)/python $(ARGS)

check: $(VENV)/.dev ## the inner loop: lint, types and unit tests, in a minute
	@$(MAKE) --no-print-directory -j2 -Otarget lint unit

unit: $(VENV)/.dev
	BRIDGE_TEST_PROFILE=quick $(BIN)/python -m pytest -q -n 3 -m "not long" tests/unit $(ARGS)

# Hundreds of processes are started, each of which would compile the same files anew. Files in their order: those with
# few and long tests, which would else come last and alone, are among the first.
test test-all: export PYTHONDONTWRITEBYTECODE :=
PYTEST = $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder
# What can't be had is said before anything is waited for: this comes before the virtual environment.
NEEDED := $(if $(wildcard $(BIN)/pip),,python3-venv) libatomic1 chromium node npm faketime

test: for-test $(VENV)/.dev ## every test but the long ones; installs Chromium, Node and faketime where they are missing
	@tools/node-clients.sh
	$(PYTEST) -m "not long" $(ARGS)

test-all: for-test-all $(VENV)/.dev ## the long ones too; installs a JDK and Maven as well where they are missing
	@tools/node-clients.sh
	$(PYTEST) $(ARGS)

for-test:
	@echo "make test: what is missing is installed, at first some 1.3 GB in about 3 minutes; then about 6 minutes of tests."
	@tools/need.sh $(NEEDED)

for-test-all:
	@echo "make test-all: what is missing is installed, at first some 2 GB in about 5 minutes; then up to an hour of tests."
	@tools/need.sh $(NEEDED) java mvn ip

bare: ## prove the README on a bare Debian, as a newcomer has it; needs root, and 5 GB for as long
	tools/bare.sh

soak: $(VENV)/.dev ## a hundred clients on a network that breaks, suspended and slow ones, servers that are killed or stall, for SOAK=600 s
	@tools/need.sh node npm
	@tools/node-clients.sh
	$(BIN)/python -m tests.soak.faults --seconds $(SOAK) $(ARGS)

soak-slow: $(VENV)/.dev ## stalled, slow and healthy clients for SOAK=600 seconds: memory stays flat
	$(BIN)/python -m tests.soak.slow --seconds $(SOAK) $(ARGS)

silent: $(VENV)/.dev ## ten thousand connections that say nothing: the bridge serves others, and closes them
	@tools/need.sh node npm
	@tools/node-clients.sh
	BRIDGE_TEST_SILENT=10000 $(BIN)/python -m pytest tests/faults/test_strangers.py -k say_nothing $(ARGS)

fuzz: $(VENV)/.fuzz ## bytes that nobody thought of, FUZZ=60 seconds for each of what reads bytes
	$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ) $(ARGS)

hostile: $(VENV)/.dev ## HOSTILE=10000 inputs of every hostile kind beside honest clients; SEED=number: the same again
	$(BIN)/python -m tests.hostile.run --inputs $(HOSTILE) $(if $(SEED),--seed $(SEED)) $(ARGS)

mutants: $(VENV)/.dev ## change MUTANTS=200 things in the code, one at a time: do tests notice? SEED=number: the same again
	$(BIN)/python -m tests.mutants.run --mutants $(MUTANTS) $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: $(VENV)/.dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pins: $(VENV)/.run $(SUPPLY)/.made ## requirements.txt and .lock anew from the ranges in pyproject.toml; ARGS=--upgrade for the newest of everything
	@$(BIN)/python -m tools.pins $(ARGS)

audit: $(VENV)/.run $(SUPPLY)/.made ## what is known against the packages in requirements.lock; says so if nobody can be asked
	@$(BIN)/python -m tools.audit $(ARGS)

sbom: $(VENV)/.run $(SUPPLY)/.made ## what the bridge is made of, as CycloneDX: build/sbom.json
	@$(BIN)/python -m tools.sbom

bench: $(VENV)/.bench ## measure the bridge beside Node, Go, C and plain Flask-SocketIO: 25 minutes, two cores
	$(BIN)/python -m bench $(ARGS)

bench-quick: $(VENV)/.bench ## the same in 4 minutes, with less of everything
	$(BIN)/python -m bench --quick $(ARGS)

bench-recovery: $(VENV)/.run ## how soon clients that were cut off have what they missed, and the link is back
	$(BIN)/python -m bench.recovery $(ARGS)

bench-flooders: $(VENV)/.run ## how long an honest client waits for its acks beside one that floods
	$(BIN)/python -m bench.flooders $(ARGS)

bench-framing: $(VENV)/.run ## measure the framing
	$(BIN)/python -m bench.framing $(ARGS)

clean: ## remove what the other targets made
	rm -rf $(VENV) build node_modules tests/node/node_modules examples/scala-server/target
	find . -name __pycache__ -prune -exec rm -rf {} +

# What the bridge runs on comes first, with its checksums; what else a target needs comes on top and leaves it as it is.
$(VENV)/.run: requirements.lock
	@tools/venv.sh $(PYTHON) $(VENV) requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements.txt requirements-dev.txt
	@tools/venv.sh $(PYTHON) $(VENV) requirements-dev.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.run requirements.txt requirements-bench.txt
	@tools/venv.sh $(PYTHON) $(VENV) requirements-bench.txt
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev requirements-fuzz.txt
	@tools/venv.sh $(PYTHON) $(VENV) requirements-fuzz.txt
	@touch $@

$(SUPPLY)/.made: requirements-supply.txt
	@tools/venv.sh $(PYTHON) $(SUPPLY) requirements-supply.txt
	@touch $@
