# The commands of the README. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo test cluster-test lint schemas bench clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/osmoc: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

install: $(BIN)/osmoc ## install osmoc and what its tests need into .venv

demo: install ## compile a real workflow of several groups to Argo manifests
	$(BIN)/osmoc graph examples/train-and-evaluate.yaml
	$(BIN)/osmoc compile examples/train-and-evaluate.yaml -o build/demo
	@ls build/demo
	@cat build/demo/workflow.yaml

test: install ## pass all tests
	$(BIN)/pytest -n auto

lint: install ## formatting, style, layers and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

schemas: install ## write schemas/ from the models
	@for name in workflow profile task driver; do \
	  $(BIN)/osmoc schema $$name > schemas/$$name.schema.json; done

bench: install ## time osmoc against its peers
	$(BIN)/python bench/run.py

clean: ## remove what the other commands made
	rm -rf $(VENV) build
