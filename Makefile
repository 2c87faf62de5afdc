# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
# Options for the command behind a target go into ARGS: make demo ARGS="--once --save out"

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --no-input --disable-pip-version-check --retries 5
READY := $(VENV)/.ready
UV_LOCK := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

.PHONY: demo
demo: kafka $(READY) ## run the whole pipeline on simulated clouds and show its alerts
	@$(VENV)/bin/egnyte-watch demo $(ARGS)

.PHONY: test
test: kafka $(READY) ## run all tests, against a real Kafka
	@$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: compose-test
compose-test: $(READY) ## build the images, run docker-compose.yml for real, and kill a worker
	@$(PY) -m pytest -m compose tests/compose $(ARGS)

.PHONY: check
check: $(READY) ## formatting, lint, types, import rules
	@failed=; for tool in "ruff format --check --output-format concise" "ruff check --quiet" mypy lint-imports; do \
		echo "== $$tool"; $(VENV)/bin/$$tool || failed="$$failed, $$tool"; done; \
		test -z "$$failed" || { echo "failed: $${failed#, } (\`make format\` mends format and imports)" >&2; exit 1; }

.PHONY: format
format: $(READY) ## format the code and sort imports
	@$(VENV)/bin/ruff check --fix --select I .
	@$(VENV)/bin/ruff format .

.PHONY: crash
crash: kafka $(READY) ## kill connector and workers 60 times; nothing may be missing, doubled or wrong
	@$(PY) -m tests.crash $(ARGS)

.PHONY: connector-faults
connector-faults: kafka $(READY) ## ten simulated days of the connector for each fault, killed in between
	@$(PY) -m tests.connectors.faults $(ARGS)

.PHONY: bench
bench: kafka $(READY) ## measure throughput, memory and latency
	@$(PY) -m benchmarks $(ARGS)

.PHONY: score
score: kafka $(READY) ## play a labelled organisation through the pipeline; print what was found, and what wrongly
	@$(PY) -m benchmarks.score $(ARGS)

.PHONY: screenshots
screenshots: $(READY) ## take pictures of the console's pages for docs/pictures
	@$(PY) -m tests.browser.pictures $(ARGS)

.PHONY: contract
contract: $(READY) ## generate schemas/contract/ and docs/detections.md from the code
	@$(PY) -m schemas.contract.generate
	@$(PY) -m detections.contract_page
	@$(PY) -m console.detections_page

.PHONY: lock
lock: $(READY) ## resolve the dependencies anew (ARGS=--upgrade: to the newest)
	@$(PIP) install uv
	@$(UV_LOCK) $(ARGS) --extra dev pyproject.toml --output-file requirements.lock
	@$(UV_LOCK) --constraint requirements.lock pyproject.toml --output-file requirements-runtime.lock
	@$(UV_LOCK) $(ARGS) --no-deps --group pyproject.toml:data --output-file requirements-data.lock

.PHONY: clean
clean: ## remove the environment, caches and what was built (not the downloaded Kafka)
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build demo-out *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: setup
setup: $(READY) ## only make the environment

# Java, Maven and Kafka's jars. It needs no package, so what is missing is told before anything is installed.
.PHONY: kafka
kafka: python
	@$(PYTHON) -m simulators.kafka --prepare

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11, 3.12 or 3.13, and there is none on PATH. Install it:" \
		"\`sudo apt-get install python3 python3-venv\` on Debian 12 and Ubuntu 24.04 or newer, \`brew install python@3.13\` on macOS." \
		"Elsewhere on PATH? make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) can't make virtual environments. Install" \
		"what Debian and Ubuntu keep apart: \`sudo apt-get install python3-venv\` (or $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'))." >&2; exit 1; }

$(READY): pyproject.toml requirements.lock requirements-data.lock | python
	@rm -f $@
	@$(PY) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		|| { echo "Making $(VENV) with $$($(PYTHON) --version) ..." >&2; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing $$(grep -c '^[a-z].*==' requirements.lock) packages into $(VENV) (about a minute, once) ..." >&2
	@{ $(PIP) install --require-hashes -r requirements.lock \
		&& $(PIP) install --require-hashes --no-deps -r requirements-data.lock \
		&& $(PIP) install --no-deps --no-build-isolation --editable .; } \
		|| { echo "pip could not install the packages; its words are above. If the network failed, run the command again;" \
		"behind a proxy, set HTTPS_PROXY or pip's own configuration." >&2; exit 1; }
	@touch $@
