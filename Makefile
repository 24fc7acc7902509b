# make repro   set up, run the pipeline, print the scores
# make test    set up, lint, types, tests
# make bench   set up, measure speed against other tools (an hour of two cores)

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv

.PHONY: setup repro test lint bench clean

setup: .venv/installed

.venv/installed: requirements.txt conf/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: needs Python's venv module: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --requirement requirements.txt
	@touch $@

repro: setup
	dvc repro
	python -m commands.scores

test: setup lint
	pytest

lint: setup
	ruff check
	ruff format --check
	mypy

bench: setup
	python -m benchmarks.training
	python -m benchmarks.decoding
