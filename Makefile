# make run | test | lint | bench | clean; the first of them makes the environment,
# with this checkout in it: its commands then work from any directory.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The lock was made on Python 3.11; elsewhere the bounds of requirements.txt hold.
LOCK := $(shell $(PYTHON) -c 'import sys; print("-c requirements.lock" * (sys.version_info[:2] == (3, 11)))' 2>/dev/null)
WORKDIR ?= runs/gaussian_grid
CODE := common projects configs tests benchmarks tools

.PHONY: run test lint check bench clean

run: $(VENV)/ready
	$(BIN)/python -m projects.coulomb_gan.train \
	  --config=configs/coulomb_gan/gaussian_grid.py --workdir=$(WORKDIR)
	@echo "Look at $(WORKDIR)/samples.png, potential.png, energy.png and samples.gif"

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

lint: $(VENV)/ready
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/basedpyright

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) *.egg-info build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready: requirements.txt requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@
