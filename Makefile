# Each target does its own set-up: Python 3.11, 3.12 or 3.13 and make are all it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# There when the environment holds what running takes, and what tests and benchmarks take besides.
RUNNABLE := $(VENV)/.ready-run
READY := $(VENV)/.ready
# Folders of packages of this repository, to be imported from where they lie.
EDITABLE := packages/apigw-local packages/fanfare-client
ifneq ($(shell command -v uv 2>/dev/null),)
  CREATE = uv venv --quiet --clear --python $(PYTHON) $(VENV)
  INSTALL = uv pip install --quiet --python $(BIN)/python
else
  # Errors alone: of an index that lacks a package, pip warns. Python compiles what it imports.
  CREATE = $(PYTHON) -m venv --clear $(VENV)
  INSTALL = $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check
endif
# For every platform and every Python that the project runs on, not only for this one's.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command "make lock"
WS := tests/node/ws
CLIENT := $(WS)/node_modules/.package-lock.json
STAGE ?= dev
INFRA = $(BIN)/python -m infra
# A worker for each processor; the tests of a file, or of a folder that shares servers, stay on one.
TESTS := $(BIN)/pytest --numprocesses=auto --dist=loadgroup --no-loadscope-reorder

.PHONY: help run test check fuzz faults bench format clean
.PHONY: deploy url logs redrive forget destroy package
.PHONY: audit lock licences

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

run: $(RUNNABLE) ## Run it all on this machine: the page on port 8000, WebSockets on 8001.
	@$(BIN)/chalice local

test: $(READY) $(CLIENT) ## Run every test.
	@$(TESTS)

check: $(READY) $(CLIENT) ## Run every check: format, lint, types, tests.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(TESTS)

fuzz: $(READY) ## Give the functions 200,000 inputs that nobody sends by mistake; takes minutes.
	@$(BIN)/pytest tests/fuzz --hypothesis-profile=fuzz --timeout=0

faults: $(READY) ## Try 25 times as many histories of deaths, losses and delays; takes half an hour.
	@$(BIN)/pytest tests/faults --hypothesis-profile=faults --timeout=0

bench: $(READY) ## Measure everything; takes about five minutes on a quiet machine.
	@$(BIN)/python -m bench

deploy: $(RUNNABLE) ## Put STAGE (dev, prod) on AWS, or bring it up to date; prints its URLs.
	@$(INFRA) deploy --stage $(STAGE)

url: $(RUNNABLE) ## Print the URLs of STAGE: the page's, and the WebSocket API's.
	@$(INFRA) url --stage $(STAGE)

logs: $(RUNNABLE) ## Print what the functions of STAGE have logged lately.
	@$(INFRA) logs --stage $(STAGE)

redrive: $(RUNNABLE) ## Give the dead letters of STAGE another try.
	@$(INFRA) redrive --stage $(STAGE)

# Most shells have a variable USER of their own: only the one on the command line counts.
forget: $(RUNNABLE) ## Erase the data of the user USER from STAGE: texts, names, connections.
	@$(INFRA) forget --stage $(STAGE) --user "$(if $(filter command,$(origin USER)),$$USER)"

destroy: $(RUNNABLE) ## Take everything of STAGE away, messages included.
	@$(INFRA) destroy --stage $(STAGE)

package: $(RUNNABLE) ## Write STAGE as one CloudFormation template and a zip, to build/.
	@$(INFRA) package --stage $(STAGE)

audit: $(READY) ## Look up known weaknesses of what is pinned; says so where it can't.
	@$(BIN)/python -m infra.audit

lock: $(READY) ## Pin the packages and their hashes anew, after a change of requirements*.in.
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-run.in --constraint requirements.txt --output-file requirements-run.txt
	@$(LOCK) requirements-dev.in --constraint requirements-run.txt --output-file requirements-dev.txt

licences: $(READY) ## Write the list of licences of what ships, docs/licences.md.
	@$(BIN)/python -m infra.licences

format: $(READY) ## Format the code and mend what the linter can.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## Remove what the other targets have made.
	@rm -rf $(VENV) $(WS)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

# An environment without pip, which all requirements bring, is none or was left half made.
define set-up
@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
  { echo "Python 3.11, 3.12 or 3.13 is needed; '$(PYTHON)' is another. Try: make PYTHON=python3.12"; exit 1; }
@echo "Setting up $(VENV) (once; about $(1))"
@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(CREATE)
@$(INSTALL) --require-hashes --requirement $<
@$(if $(EDITABLE),$(INSTALL) --no-deps --no-build-isolation $(EDITABLE:%=--editable %))
endef

$(RUNNABLE): requirements-run.txt
	$(call set-up,half a minute)
	@touch $@

$(READY): requirements-dev.txt
	$(call set-up,a minute)
	@touch $(RUNNABLE) $@

# Without npm, the tests of that client are left out.
$(CLIENT): $(WS)/package-lock.json
	@! command -v npm >/dev/null || npm ci --prefix $(WS) --silent --no-audit --no-fund
