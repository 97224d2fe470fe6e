# Two commands do everything on a fresh Debian 12 machine, as root: `make lab` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help deps clients lab test lint unit check-all bench lock clean
# Most tests wait for daemons, so two at a time are nearly twice as fast; a file stays together, because labs are per file.
PYTEST = .venv/bin/pytest -n 2 --dist loadfile -rs

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

deps:            ## install what is needed: Debian packages, .venv/, .tools/
	@deploy/bootstrap

clients: deps    ## other people's clients of the Policy API, for the tests
	@deploy/clients/install

lab: deps        ## bring up the lab, run the walkthrough, show the proof
	@.venv/bin/trunkline lab up labs/bare-metal.yaml
	@.venv/bin/trunkline lab check 'antrea-ipam-walkthrough' --evidence --keep
	@.venv/bin/trunkline lab next

lint: deps       ## style, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: lint clients  ## every test but the slow scenarios, with coverage
	$(PYTEST) -m 'not slow' --cov=trunkline --cov-report=term:skip-covered --durations=15

check-all: lint clients  ## every test, the slow scenarios too
	$(PYTEST) --cov=trunkline --cov-report=term:skip-covered --durations=30

bench: deps      ## the benchmarks; ratios in one run, written to bench/results.md
	.venv/bin/python -m bench

lock: deps       ## resolve pyproject.toml into requirements.lock (versions and hashes, no index addresses)
	.venv/bin/pip install -q uv
	.venv/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --python-version 3.11 --upgrade -q -o requirements.lock

clean:           ## take the lab down and remove .venv/ and .tools/
	-@[ ! -x .venv/bin/trunkline ] || .venv/bin/trunkline lab down --all
	rm -rf .venv .tools .lab
