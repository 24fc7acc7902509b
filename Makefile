# make repro   set up, run the pipeline, print the scores
# make serve   set up, add what the server needs, serve the models on this machine: http://127.0.0.1:8000
# make test    set up, add what tests need, lint, types, tests
# make test-unit   the tests that take milliseconds each, and no other
# make test-slow   kills, long fuzzing, the whole pipeline with real weights
# make mutants ROOMS="scoring text"   set up, change these rooms' code in small ways, list what no test notices (hours for all)
# make smoke   the whole pipeline on ten utterances and two training steps, as an experiment
# make comment BASE=main   comment.md: the committed scores, and their changes against BASE
# make round   set up, run a round of corrections (docs/corrections.md), push the commit and tag of a better model
# make audit-dependencies   known vulnerabilities of the pinned packages
# make docker   build the images for training and serving; make docker-push REGISTRY=host/name pushes them
# make bench   set up, add other tools, measure speed against them (two hours of two quiet cores)
# make bench-quick   the same on a few clips, to see that it runs; writes no result

# Apple's make 3.81 runs simple lines without a shell, and so without the PATH below, unless this is not /bin/sh.
SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
# Many containers set it: every stage then compiles torch and transformers again, which takes 8 s.
unexport PYTHONDONTWRITEBYTECODE
# --no-compile: to byte-compile all installed files takes longer than to compile those that are imported.
INSTALL := .venv/bin/python -m pip install --disable-pip-version-check --quiet --no-compile

.PHONY: setup repro serve test test-unit test-slow browser lint smoke comment container round audit-dependencies mutants docker docker-push bench bench-quick sshd

setup: .venv/installed

.venv/installed: requirements.txt conf/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: needs Python's venv module: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) --requirement requirements.txt
	@touch $@

.venv/serve .venv/sql: .venv/installed requirements/serve.txt requirements/audio.txt requirements/sql.txt
	$(INSTALL) --requirement requirements/$(@F).txt
	@touch $@

# What tests, mutants and benchmarks add: requirements/test.txt and so on.
.venv/test .venv/mutants .venv/benchmarks .venv/audit: .venv/installed $(wildcard requirements/*.txt)
	$(INSTALL) --requirement requirements/$(@F).txt
	$(INSTALL) --no-deps --requirement requirements/openai_whisper.txt
	@touch $@

repro: setup
	dvc repro
	python -m commands.scores

serve: .venv/serve
	python -m commands.serve

# Two test processes share two cores, so OpenMP threads that wait must not spin.
PYTEST := OMP_WAIT_POLICY=passive pytest --numprocesses 2 --dist worksteal

test: lint browser $(if $(CI),sshd)
	$(PYTEST) -m "not slow"

# Tests of the report's page need Debian's browser (a minute once). Without it they are skipped, by name.
APT := DEBIAN_FRONTEND=noninteractive timeout 300 apt-get --quiet=2 -o Acquire::http::Timeout=20 -o Acquire::Retries=1
browser:
	@command -v chromium > /dev/null \
		|| { $(APT) update && $(APT) install --yes --no-install-recommends chromium; } > /dev/null 2>&1 \
		|| echo "make: apt can't install chromium here: tests in a browser are skipped"

# Tests over SSH need a server, which apt also starts: only CI installs one; elsewhere they are skipped, by name.
sshd:
	@test -x /usr/sbin/sshd \
		|| { $(APT) update && $(APT) install --yes --no-install-recommends openssh-server tmux; } > /dev/null 2>&1 \
		|| echo "make: apt can't install openssh-server here: tests over SSH are skipped"

test-slow: .venv/test
	$(PYTEST) -m slow

test-unit: .venv/test
	$(PYTEST) -m unit

lint: .venv/test
	ruff check
	ruff format --check
	mypy

smoke: setup
	python -m commands.recipe smoke

# Of the committed metrics: nothing is trained. The comment may have 65,536 characters.
BASE ?= main
comment: setup
	python -m commands.scores --markdown > comment.md
	printf '\n### Metrics against %s\n\n' "$(BASE)" >> comment.md
	dvc metrics diff --md "$(BASE)" >> comment.md
	head -c 60000 comment.md > comment.cut && mv comment.cut comment.md

# In a fresh container: apt's lists, and Git's trust in a folder that belongs to the host's user.
container:
	apt-get update --quiet=2
	git config --global --add safe.directory "$(CURDIR)"

# What others merged meanwhile; a conflict ends the round, for you to solve.
BRANCH = $(shell git branch --show-current)
MERGE = test -z "$$(git ls-remote --heads origin $(BRANCH))" || git pull --quiet --no-rebase --no-edit origin $(BRANCH)

# A model that is no better (status 4) is no failure. Tags of rounds are lightweight, which --follow-tags leaves out.
# Needs Linux, for flock.
round: .venv/sql
	@mkdir -p .dvc/tmp
	flock --nonblock --conflict-exit-code 75 .dvc/tmp/cron.lock \
		sh -c '$(MERGE) && python -m commands.round' || test $$? -eq 4
	test -z "$$(dvc remote list)" || dvc push
	$(MERGE)
	git push --quiet origin HEAD 'refs/tags/round-*:refs/tags/round-*'

audit-dependencies: .venv/audit
	pip-audit --requirement conf/constraints.txt --disable-pip --no-deps

# mutmut runs in mutants/, a copy; pyproject.toml has the rooms and their tests. Slow tests are left out.
ROOMS := scoring text splits training.state utterances corpora
mutants: .venv/mutants
	OMP_WAIT_POLICY=passive mutmut run $(ROOMS:%=asr.%.*)
	@python -m benchmarks.mutants

docker:
	docker build --target train --tag mothertongue:train .
	docker build --target serve --tag mothertongue:serve .

# Pushed by commit, so that a pod or a server names what it runs.
COMMIT = $(shell git describe --always --dirty)
docker-push:
	@test -n "$(REGISTRY)" || { echo "make: docker-push needs REGISTRY=host/name"; exit 1; }
	$(MAKE) docker
	docker tag mothertongue:train $(REGISTRY)/mothertongue:train-$(COMMIT)
	docker tag mothertongue:serve $(REGISTRY)/mothertongue:serve-$(COMMIT)
	docker push $(REGISTRY)/mothertongue:train-$(COMMIT)
	docker push $(REGISTRY)/mothertongue:serve-$(COMMIT)

bench: .venv/benchmarks
	python -m benchmarks.step
	python -m benchmarks.training
	python -m benchmarks.decoding
	python -m benchmarks.scoring
	python -m benchmarks.planning
	python -m benchmarks.serving
	python -m benchmarks.tables
	python -m benchmarks.targets

bench-quick: .venv/benchmarks
	python -m benchmarks.step --quick
	python -m benchmarks.training --corpus starter --quick
	python -m benchmarks.decoding --corpus starter --quick
	python -m benchmarks.scoring --clips 400 --quick
	python -m benchmarks.planning --quick
	python -m benchmarks.serving --quick
