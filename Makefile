# make repro   set up, run the pipeline, print the scores
# make test    set up, lint, types, tests
# make bench   set up, measure speed against other tools (an hour of two quiet cores)
# make bench-quick   the same on a few clips, to see that it runs; keeps no result

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv

.PHONY: setup repro test lint bench bench-quick clean

setup: .venv/installed

.venv/installed: requirements.txt conf/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: needs Python's venv module: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	@# Compiling all that is installed takes longer than compiling what is imported when it is.
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --no-compile \
		--requirement requirements.txt
	@touch $@

repro: setup
	dvc repro
	python -m commands.scores

# Two processes share two cores: a thread that waits must not spin.
test: setup lint
	OMP_WAIT_POLICY=passive pytest --numprocesses 2 --dist worksteal

lint: setup
	ruff check
	ruff format --check
	mypy

# What only benchmarks compare with; openai-whisper would bring along packages for a GPU.
.venv/benchmarks: .venv/installed benchmarks/requirements.txt
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps \
		--requirement benchmarks/requirements.txt
	@touch $@

bench: setup .venv/benchmarks
	python -m benchmarks.step
	python -m benchmarks.training
	python -m benchmarks.decoding
	python -m benchmarks.tables
	python -m benchmarks.targets

bench-quick: setup .venv/benchmarks
	python -m benchmarks.step --quick
	python -m benchmarks.training --corpus starter --quick
	python -m benchmarks.decoding --corpus starter --quick
