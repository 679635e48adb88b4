# `make run` starts the service, `make test` proves it; each sets up what it needs in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
HOST ?= 127.0.0.1
PORT ?= 5000

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/run ## Start the service on http://127.0.0.1:5000 over SQLite (files under ./var).
	@exec $(BIN)/taskapi serve --host $(HOST) --port $(PORT)

.PHONY: test
test: $(VENV)/dev ## Run the tests, on SQLite and on PostgreSQL (which comes as a wheel).
	@$(BIN)/python -m pytest -n auto -m "not prove and not containers"

CONTAINERS ?= containers
CONTAINER_TESTS ?= tests/containers
.PHONY: test-containers
test-containers: $(VENV)/dev ## Start the box of compose.yaml and prove what it promises (needs docker; or Debian and root).
	@$(BIN)/python -m pytest -m "$(CONTAINERS)" -s --timeout 3600 $(CONTAINER_TESTS)

BOX := deploy/compose/box
.PHONY: up
up: ## Start the box of compose.yaml: nginx, three instances, worker, scheduler, PostgreSQL, Redis (needs docker).
	@$(BOX) up

.PHONY: scale
scale: ## Have API=5 instances in the box.
	@$(BOX) scale $(API)

.PHONY: roll
roll: ## Build the image anew and replace one container of the box after the other.
	@$(BOX) roll

.PHONY: reload
reload: ## Have nginx take its configuration and certificate anew.
	@$(BOX) reload_nginx

.PHONY: down
down: ## Stop the box; its data stay.
	@$(BOX) down

.PHONY: lint
lint: $(VENV)/dev ## Check form, types, architecture and budgets.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -p no:cacheprovider tests/test_architecture.py tests/test_budgets.py

.PHONY: prove
prove: $(VENV)/dev ## Run the long proofs, with timings; they print their figures.
	@$(BIN)/python -m pytest -m "prove and not containers" -s --timeout 3600

.PHONY: bench
bench: $(VENV)/bench ## Measure speed on this machine with wrk, beside what is promised and references.
	@$(BIN)/python -m bench $(BENCH)

.PHONY: client
client: $(VENV)/dev ## Write the typed client anew from the document of the API.
	@$(BIN)/python -m tools.generate_client

.PHONY: screens
screens: $(VENV)/dev ## Take pictures of every screen of the web UI into docs/screens (needs chromium).
	@$(BIN)/python -m tools.screens

.PHONY: release-contract
release-contract: $(VENV)/dev ## Keep the document of the API as the one that later releases may only add to.
	@$(BIN)/python -m tools.release_contract

.PHONY: lock
lock: $(VENV)/dev ## Compile the pinned requirements anew from pyproject.toml (needs uv).
	uv pip compile pyproject.toml --group build $(LOCK) -o requirements.txt
	uv pip compile pyproject.toml --group build --group dev $(LOCK) -o requirements-dev.txt
	uv pip compile --group tls $(LOCK) -o tests/deploy/requirements-tls.txt
	uv pip compile --group bench -c requirements-dev.txt $(LOCK) -o bench/requirements.txt
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade

.PHONY: clean
clean: ## Remove .venv and caches; data under ./var stays.
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The two set-ups. Each is a stamp that is older than what it was made from, or made anew.
$(VENV)/run: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what taskapi needs into $(VENV) (requirements.txt, checked by hash)"
	@$(call install,requirements.txt)
	@touch $@

$(VENV)/dev: requirements-dev.txt pyproject.toml $(VENV)/tls/made | $(VENV)/bin/python
	@echo "Installing what taskapi and its tests need into $(VENV) (requirements-dev.txt, checked by hash)"
	@$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/run

# What looks at the TLS of nginx wants other versions than the service: it has a place of its own.
$(VENV)/tls/made: tests/deploy/requirements-tls.txt | $(VENV)/bin/python
	@$(if $(UV),uv venv -q --allow-existing --python $(PYTHON) $(VENV)/tls,$(PYTHON) -m venv $(VENV)/tls)
	@$(if $(UV),uv pip install -q --python $(VENV)/tls/bin/python,$(VENV)/tls/bin/python -m pip install -q --disable-pip-version-check) \
		--require-hashes -r tests/deploy/requirements-tls.txt
	@touch $@

$(VENV)/bench: bench/requirements.txt $(VENV)/dev | $(VENV)/bin/python
	@echo "Installing what the benchmark's references need into $(VENV) (bench/requirements.txt, checked by hash)"
	@$(call install,bench/requirements.txt)
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "taskapi needs Python 3.11 or newer; name one by PYTHON=…" >&2; exit 2; }
	@echo "Making $(VENV)$(if $(UV), with uv)"
	@$(if $(UV),uv venv -q --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV))

ifdef UV
install = uv pip install -q --python $(BIN)/python --require-hashes -r $(1) && $(link)
else
install = $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1) && $(link)
endif

# The package itself is linked, not copied, by the setuptools that the requirements pin.
ifdef UV
link = uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
else
link = $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
