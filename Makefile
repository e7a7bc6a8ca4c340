# make run   sets everything up and trains all families side by side, from one seed: a table, a figure, a folder of results
# make test  sets everything up and runs all tests
# make docs  sets everything up and builds the documentation into docs/_build/html
# make dist  builds the wheel and the archive of sources, and tries them in fresh environments
# make quick sets everything up and runs the tests that are not marked as slow, in two minutes: for while one works

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
OUT ?= out/compare
WORKERS ?= auto

# Tests and packages are compiled once, and not at every start of Python.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test quick check docs dist clean

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
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,docs]'
	touch $(STAMP)

docs: $(STAMP)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -j auto -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

dist:
	PYTHON=$(PYTHON) tools/dist.sh

clean:
	rm -rf $(VENV) out docs/_build docs/api docs/auto_examples docs/.jupyter_cache docs/jupyter_execute
