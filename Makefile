# The commands of this repository. Each does the set-up it needs by itself.
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench fuzz docs wheels lock format clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup:  ## .venv in the clone with locked dependencies, and the rulebook
	@packaging/setup/setup.sh

demo: setup  ## collector, this machine and a sample country; ctrl-C ends it
	@PYTHONPATH=packaging/demo exec .venv/bin/python -m vonggac_demo

test: setup  ## the whole suite; LANES="unit flow" runs only those
	@packaging/setup/run-lanes.sh $(LANES)

bench: setup  ## every figure the docs give; ONLY=name for one
	@.venv/bin/python -m tests.bench $(ONLY)

fuzz: setup  ## coverage-guided fuzzing of all that reads input; ONLY=pattern SECONDS=n
	@.venv/bin/python -c 'import atheris' 2>/dev/null || .venv/bin/python -m pip install --quiet \
		--disable-pip-version-check --no-input --only-binary :all: --require-hashes -r requirements/fuzz.txt
	@.venv/bin/python -m tests.fuzz --only '$(or $(ONLY),*)' --seconds $(or $(SECONDS),20)

docs: setup  ## write docs/commands.md and docs/reference from the programs and rules themselves
	@.venv/bin/python packaging/setup/commands_doc.py
	@.venv/bin/python packaging/setup/reference_doc.py

wheels: setup  ## build/wheels: the product and all it needs, for machines without a network
	@.venv/bin/python packaging/setup/wheels.py

lock: setup  ## compile requirements/*.txt anew; UPGRADE=1 for newer versions
	@.venv/bin/python packaging/setup/lock.py $(if $(UPGRADE),--upgrade)

format: setup  ## let ruff format and mend what it can
	@.venv/bin/ruff check --fix --quiet --exit-zero . && .venv/bin/ruff format .

clean:  ## remove .venv and everything built
	@rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -f policies/src/vonggac_rules/data/rulebook.json
