# Every target does its own set-up in .venv; nothing else is needed but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --silent --prefix web

.DEFAULT_GOAL := help
.PHONY: help node web demo test check bench soak fuzz docs pictures clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

# A half-made environment must not count as ready: the mark is set last.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Sluiceway needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	SLUICEWAY_SKIP_WEB=1 $(PIP) --editable '.[dev]'
	@touch $@

# Node is the machine's, or comes from PyPI into .venv where there is none, or one that is too old.
node: $(READY)
	@needs=$$($(BIN)/python scripts/build_web.py --needs) && { [ -z "$$needs" ] || $(PIP) "$$needs"; }
	$(BIN)/python scripts/build_web.py --install

web: node  ## build the console's pages, if they are not current
	$(BIN)/python scripts/build_web.py

demo: $(READY)  ## the gateway in front of a simulated provider, ready for curl and for a browser
	@$(MAKE) --no-print-directory web || echo "going on without the console" >&2
	$(BIN)/sluiceway demo

test: web  ## all tests; installs redis-server, postgresql, nginx and chromium where it can
	scripts/services.sh
	$(NPM) run test
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-report=json:.coverage.json
	$(BIN)/python scripts/coverage_floor.py .coverage.json

check: node  ## formatting, lint, strict types, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/gen_docs.py --check
	$(BIN)/python scripts/gen_types.py --check
	$(NPM) run lint
	$(NPM) run types

bench: $(READY)  ## measure beside nginx and the peers; writes docs/reference/performance.md
	$(BIN)/python -m bench install
	$(BIN)/python -m bench run

SOAK_MINUTES ?= 10
soak: $(READY)  ## mixed load and faults for SOAK_MINUTES; from 10 on writes docs/reference/soak.md
	$(BIN)/python -m bench soak --minutes $(SOAK_MINUTES)

FUZZ_SECONDS ?= 60
fuzz: $(READY)  ## fuzz the parsers for FUZZ_SECONDS each
	SLUICEWAY_SKIP_WEB=1 $(PIP) --editable '.[fuzz]'
	mkdir -p fuzz/corpus
	for target in fuzz/fuzz_*.py; do $(BIN)/python $$target -max_total_time=$(FUZZ_SECONDS) || exit 1; done

docs: $(READY)  ## make the generated reference pages anew, and the console's types of the API
	$(BIN)/python scripts/gen_docs.py
	$(BIN)/python scripts/gen_types.py

pictures: web  ## take the documentation's pictures of the console anew, in Chromium
	$(BIN)/python scripts/pictures.py

clean:  ## remove everything that was made
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist fuzz/corpus
	rm -rf web/node_modules src/sluiceway/console/web
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
