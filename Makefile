# make        set up .venv from the pinned lock and build reports/table1.csv
# make test   lint, types and tests        make all   every report
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: table1 all env lint test test-kernels test-peers test-slurm benchmarks publish clean
.DEFAULT_GOAL := table1

table1: env
	snakemake --cores all reports/table1.csv

all: env
	snakemake --cores all

env: $(BIN)/.ready

$(BIN)/.ready: envs/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "balent needs Python 3.11 or newer, but $(PYTHON) is %d.%d; run: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lint: env
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	mypy
	snakemake --lint

test: env lint
	pytest

# Triton kernels without a GPU: interpreted, and compiled for one; Triton laid over .venv
test-kernels: .venv-kernels/.ready
	TRITON_INTERPRET=1 PYTHONPATH="$(CURDIR)/.venv-kernels" pytest tests/kernels

.venv-kernels/.ready: envs/requirements-kernels.txt $(BIN)/.ready
	rm -rf .venv-kernels
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv-kernels -r $<
	@touch $@

# other packages' scores: an environment of their own, laid over .venv for these tests alone
test-peers: .venv-peers/.ready
	PYTHONPATH="$(CURDIR)/.venv-peers" pytest tests/peers

.venv-peers/.ready: envs/requirements-peers.txt $(BIN)/.ready
	rm -rf .venv-peers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv-peers -r $<
	@touch $@

# a SLURM of one node on this machine, as root (docs/cluster.md); its packages laid over .venv, too
test-slurm: .venv-slurm/.ready
	PYTHONPATH="$(CURDIR)/.venv-slurm" pytest -rs tests/slurm

.venv-slurm/.ready: envs/requirements-slurm.txt $(BIN)/.ready
	rm -rf .venv-slurm
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv-slurm -r $<
	@touch $@

benchmarks: env .venv-peers/.ready
	python benchmarks/sampler.py
	python benchmarks/memory.py
	PYTHONPATH="$(CURDIR)/.venv-peers" python benchmarks/acquisition.py

# results of the small scale into git's index: .dvc/published, dvc.lock, provenance.jsonl
publish: env
	dvc repro
	python scripts/publish.py

clean:
	rm -rf results reports/*.* reports/extra work logs data/features .snakemake .provenance
