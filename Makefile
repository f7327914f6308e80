# The commands of the README. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := build/bench/venv

.PHONY: help install demo test test-cluster lint schemas images bench clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# The runtime first: it builds the agent, for which Go comes from the Python index if need be.
$(BIN)/osmoc: pyproject.toml runtime/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable runtime
	$(BIN)/pip install --quiet --editable '.[dev,local,cluster]'
	@touch $@

install: $(BIN)/osmoc ## install osmoc and what its tests need into .venv

demo: install ## run a real workflow of four tasks on this machine
	$(BIN)/osmoc graph examples/digits.yaml
	$(BIN)/osmoc run examples/digits.yaml

test: install ## pass all tests
	$(BIN)/pytest -n auto

# Tests of pods mostly wait, each in a namespace of its own. The others make and remove what they share.
test-cluster: install ## pass the tests that need a cluster: KUBECONFIG, with the images of `make images` on its nodes
	$(BIN)/pytest -m cluster --ignore=tests/cluster
	$(BIN)/pytest -m cluster -n 3 tests/cluster

lint: install ## formatting, style, layers and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

schemas: install ## write schemas/ from the models
	@for name in workflow profile task driver; do \
	  $(BIN)/osmoc schema $$name > schemas/$$name.schema.json; done
	@for name in agent group manifest dataset logs; do \
	  $(BIN)/python -m osmo_ctrl.schemas $$name > schemas/$$name.schema.json; done
	@$(BIN)/python -m osmo_driver.schemas > schemas/state.schema.json

# Any of the three; BASE is an image with Python, TAG what the manifests of this version of osmoc name.
BUILDER ?= $(firstword $(foreach name,podman docker buildah,$(shell command -v $(name))))
BASE ?= docker.io/library/python:3.12-slim
TAG ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' osmoc/__init__.py)
BUILD_FLAGS ?=

images: ## build the images osmo-init and osmo-ctrl, with podman, docker or buildah
	@for name in init ctrl; do \
	  $(BUILDER) build $(BUILD_FLAGS) --build-arg BASE=$(BASE) -t osmo-$$name:$(TAG) -f runtime/$$name/Containerfile runtime \
	    || exit 1; done

# Hera and KFP want a good many packages, which nothing else here needs.
$(BENCH)/bin/osmoc: pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --editable . hera==7.1.0 kfp==2.17.3
	@touch $@

bench: $(BENCH)/bin/osmoc ## time osmoc against its peers, which are installed into build/bench/venv
	$(BENCH)/bin/python bench/run.py

clean: ## remove what the other commands made
	rm -rf $(VENV) build
