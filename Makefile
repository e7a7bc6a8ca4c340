# make run   sets everything up and trains all families side by side, from one seed: a table, a figure, a folder of results
# make test  sets everything up and runs all tests
# make quick sets everything up and runs the tests that are not marked as slow, in two minutes: for while one works

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
OUT ?= out/compare
WORKERS ?= auto

# Tests and packages are compiled once, and not at every start of Python.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test quick check clean

run: $(STAMP)
	$(BIN)/python -m graphseq compare --out $(OUT) --resume

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS)

quick: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml constraints.txt
	@echo "setting up $(VENV), which takes a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) out
