# Each target works on a fresh checkout with nothing but Python 3.11+ and make: .venv is made when it is missing or the
# lock has changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

DOCS_STAMP := $(VENV)/.docs

.PHONY: help train test test-all lint format docs bench gpu gpu-pack torture clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | column -t -s ':'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Say make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(DOCS_STAMP): $(STAMP) docs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement docs/requirements.lock
	touch $@

train: $(STAMP) ## train the default model on the photographs of scikit-image
	$(BIN)/python train.py $(ARGS)

# pytest starts a process for each core, so each computes with one thread.
test: $(STAMP) ## the suite, under five minutes on two cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

test-all: $(DOCS_STAMP) ## everything, the slow tests too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(ARGS)

lint: $(STAMP) ## style, types, and what may import what
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

format: $(STAMP) ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DOCS_STAMP) ## the documentation, into build/site; a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet $(ARGS)
	@echo "the documentation is in build/site/index.html"

bench: $(STAMP) ## speed and memory beside hand-written loops
	$(BIN)/python benchmarks/bench.py $(ARGS)

gpu: ## what a GPU can tell in eight minutes, into OUT=folder
	$(PYTHON) benchmarks/gpu.py run --out $(or $(OUT),build/gpu) $(ARGS)

gpu-pack: $(STAMP) ## fill carry/ with what make gpu needs on a machine without a network
	$(BIN)/python benchmarks/gpu.py pack $(ARGS)

torture: $(STAMP) ## kill a sweep 50 times at random and see that nothing is lost
	$(BIN)/python benchmarks/torture.py --kills 50 $(ARGS)

clean: ## remove the environment; runs and caches stay
	rm -rf $(VENV) build dist
