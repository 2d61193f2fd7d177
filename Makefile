# make demo and make test set up everything they need by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= demo$(if $(QUICK),-quick)$(if $(VIDEO),-$(basename $(notdir $(VIDEO))))
SHARE ?= 1

.PHONY: setup demo test check bench soak wheel-check avr8js format clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11; install Python 3.11 or run make PYTHON=/path/to/python3.11"; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "error: $(PYTHON) -m venv failed; on Debian: apt-get install python3-venv"; exit 3; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	$(BIN)/python -m benchmark.demo --out "$(OUT)" $(if $(QUICK),--quick) $(if $(VIDEO),--video "$(VIDEO)")

test: setup
	$(BIN)/python -m pytest -n 2 -m "not soak"

soak: setup
	BSD_SOAK_SHARE=$(SHARE) $(BIN)/python -m pytest -m soak --timeout 1800 tests/soak

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m perf

wheel-check: setup
	bash tests/wheel/check.sh $(BIN)/python

avr8js:
	cd tests/hardware/avr8js && npm ci --silent --no-audit --no-fund

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
