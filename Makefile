# Everything starts here. Each target makes its own environment first; python3 (3.11 to 3.13) and make are enough.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; \
	then echo $$name; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
# What `make demo` sends, and the models it starts: `local` (real weights) or `scripted`.
INPUT ?= examples/demo/requests.jsonl
MODELS ?= local

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

# A registry that hiccups gets a second try.
define twice
$(1) || { echo "once more in 5 seconds ..." >&2; sleep 5; $(1); }
endef

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: env
env: $(VENV)/.installed  ## Make .venv with everything pinned by hash (at once when nothing changed)

$(VENV)/.created:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11, 3.12 or 3.13 with its venv module is needed; name one with PYTHON=..." >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.pinned: requirements/dev.txt | $(VENV)/.created
	@echo "installing requirements/dev.txt into $(VENV)"
	@$(call twice,$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt)
	@touch $@

$(VENV)/.installed: $(VENV)/.pinned pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: check
check: env  ## Lint, format, types, architecture, rendered files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy clients/python/src
	@PATH="$(CURDIR)/$(BIN):$$PATH" NO_COLOR=1 $(BIN)/lint-imports
	@$(BIN)/python -m pipeline.schemas --check
	@$(BIN)/python -m pipeline.gateway.openapi --check
	@$(BIN)/python -m pipeline.permissions --check
	@$(BIN)/python docs/render.py --check

.PHONY: test
test: check  ## All checks and all quick tests (under ten minutes on two cores)
	@$(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m "not slow and not models"

.PHONY: test-all
test-all: check  ## Also the slow tests, and new cases of the properties
	@HYPOTHESIS_PROFILE=wander $(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m "not models"

.PHONY: demo
demo: env  ## Bring everything up and send INPUT=requests.jsonl through it (MODELS=scripted needs no download)
	@$(BIN)/stepwell demo $(INPUT) --models $(MODELS)

# FAULTS and BENCH take further options, for instance FAULTS="--requests 500 --deployment split".
.PHONY: faults
faults: env  ## Kill workers, nats-server and Valkey under load, and count what was lost
	@$(if $(FAULTS),$(BIN)/python -m bench.faults $(FAULTS),for run in "--deployment fused" "--deployment split" "--victim nats" "--victim valkey"; do \
		$(BIN)/python -m bench.faults $$run; done)

.PHONY: bench
bench: env  ## Throughput, latency and memory beside a bare relay; interactive latency beside a batch backlog
	@$(BIN)/python -m bench.run $(BENCH)
	@$(BIN)/python -m bench.door $(if $(findstring --quick,$(BENCH)),--quick)
	@$(BIN)/python -m bench.backlog

# DATA=folder and ARGS="--json --against presidio" take further options; ARGS=--quick takes seconds.
.PHONY: eval-pii
eval-pii: env  ## Personal data: what is found, missed and reported falsely, on DATA=folder
	@$(BIN)/python -m bench.pii.eval $(if $(DATA),"$(DATA)") $(ARGS)

.PHONY: bench-pii
bench-pii: env  ## Personal data: speed beside default Presidio, hostile texts, streams; residency fuzz
	@$(BIN)/python -m bench.pii.speed $(ARGS)
	@$(BIN)/python -m bench.pii.residency $(filter --json,$(ARGS))

.PHONY: eval-difficulty
eval-difficulty: env  ## The learned score of difficulty: what it is worth on recorded answers (ARGS=--quick takes seconds)
	@$(BIN)/python -m bench.difficulty $(if $(DATA),--data $(DATA)) $(ARGS)

# FIT=folder DATA=folder ONLY=H1,S1 PLOTS=folder ARGS="--json --draw" take further options; ARGS=--quick takes a minute.
.PHONY: eval
eval: env  ## The cascade's decisions on recorded answers: learned from FIT=folder, scored on DATA=folder
	@$(BIN)/python -m evaluation $(if $(FIT),--fit "$(FIT)") $(if $(DATA),--data "$(DATA)") $(if $(ONLY),--only "$(ONLY)") $(if $(PLOTS),--plots "$(PLOTS)") $(ARGS)

.PHONY: eval-live
eval-live: env  ## 160 questions with known answers on real local models, thresholds from 160 others (20 minutes)
	@$(BIN)/python -m evaluation.live $(ARGS)

.PHONY: test-node
test-node: env  ## The examples for Node, with their packages fetched by npm
	@STEPWELL_NPM_WAIT=600 $(BIN)/pytest -q -rs --timeout 900 tests/examples -k node

# N=100000 makes up more.
.PHONY: fuzz-nats
fuzz-nats: env  ## Any message on the subjects of callers: a typed answer, no crash (N=10000 messages)
	@STEPWELL_FUZZ=$(or $(N),10000) HYPOTHESIS_PROFILE=wander $(BIN)/pytest -q --timeout 3000 tests/pipeline/admission/test_any_message.py

.PHONY: bench-likeness
bench-likeness: env  ## Attempts to have a question answered with the answer of another, and what one comparison takes
	@$(BIN)/python bench/likeness.py $(ARGS)

.PHONY: bench-budget
bench-budget: env  ## 200 requests at once on a budget with room for 10, a worker killed in each of 50 repetitions
	@$(BIN)/python -m bench.budget $(ARGS)

.PHONY: fuzz-http
fuzz-http: env  ## Made-up requests to every endpoint of the door (N=10000 in all), each held against the OpenAPI document
	@STEPWELL_FUZZ=$$(( ($(or $(N),10000) + 23) / 24 )) $(BIN)/pytest -q -p no:cacheprovider tests/pipeline/gateway/test_openapi.py

# LINES=1000000 ARGS="--kills 10 --json" take further options.
.PHONY: bench-provider-batches
bench-provider-batches: env  ## 20,000 lines by batches of their provider, whoever leads killed twice
	@$(BIN)/python -m bench.provider_batches $(ARGS)

.PHONY: bench-million
bench-million: env  ## A batch of LINES (a million) beside interactive work, workers and the door killed ten times
	@$(BIN)/python -m bench.million --lines $(or $(LINES),1000000) $(ARGS)

.PHONY: schemas
schemas: env  ## Render from the code: schemas, permissions, diagram, tables
	@$(BIN)/python -m pipeline.schemas
	@$(BIN)/python -m pipeline.gateway.openapi
	@$(BIN)/python -m pipeline.permissions
	@$(BIN)/python docs/render.py

# No header and no index address: the files hold names, versions and hashes, and nothing of the machine that made them.
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: lock
lock: env  ## Compile requirements/*.txt again
	@$(COMPILE) --extra dev --extra local --extra train --extra tokenizers --extra embeddings --extra parquet --output-file requirements/dev.txt pyproject.toml
	@$(COMPILE) --constraint requirements/dev.txt --output-file requirements/runtime.txt pyproject.toml
	@$(COMPILE) --constraint requirements/dev.txt --output-file requirements/build.txt requirements/build.in

.PHONY: clean
clean:  ## Remove the environment and everything that was made
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .stepwell
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
