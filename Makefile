# Two commands for a new user: make demo, make test. Everything is installed into .venv from the locks, by hash.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers fit two cores; each has a Postgres of its own.
JOBS ?= 2

.PHONY: demo run test check bench openapi lock clean

demo: $(VENV)/.program          ## the main job end to end on a sample practice, then stay serving
	$(BIN)/bitewing demo $(ARGS)

run: $(VENV)/.program           ## serve API and worker; data stays in .bitewing
	$(BIN)/bitewing up

test: $(VENV)/.tools            ## the whole suite
	$(BIN)/pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)

check: $(VENV)/.tools           ## format, lint, types, layers, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(VENV)/.tools           ## ratios against raw limits, measured in the same run
	$(BIN)/python -m tests.bench

openapi: $(VENV)/.program       ## write openapi/v1.json
	$(BIN)/bitewing openapi

lock: $(VENV)/.tools            ## resolve the newest versions allowed, with hashes and without addresses
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --upgrade --quiet --no-header -o requirements.lock
	$(BIN)/uv pip compile tests/requirements.in --universal --generate-hashes --upgrade --quiet --no-header -o tests/requirements.lock

clean:                          ## remove what was installed; data stays
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The program with exactly the locked packages. Newer locks install again.
$(VENV)/.program: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.tools: $(VENV)/.program tests/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -r tests/requirements.lock
	touch $@
