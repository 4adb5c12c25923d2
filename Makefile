# Everything is set up in .venv on first use; `make help` lists what there is.

PYTHON ?=
WORKERS ?= 2
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Stamps, so that a second call starts at once. The first is written by either installation.
RUNTIME := .venv/.runtime-installed
TOOLS := .venv/.tools-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint bench torture citus clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME)  ## set up, load the demo on first start, serve on 127.0.0.1:8000 (data in .data)
	@exec $(BIN)/points run

test: $(TOOLS) browser  ## run the suite on SQLite and PostgreSQL (WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(TOOLS)  ## check format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TOOLS)  ## measure against peers
	$(BIN)/python -m bench

torture: $(TOOLS)  ## kill, starve and corrupt it, for longer than the suite does
	$(BIN)/python -m pytest tests/torture --torture -s

citus: $(TOOLS)  ## run the journal's tests on the Citus coordinator that POINTS_CITUS_URL names
	@test -n "$(POINTS_CITUS_URL)" || { echo "make: Name the coordinator: make citus POINTS_CITUS_URL=postgresql://user@host/name (docs/scaling.md)" >&2; exit 1; }
	POINTS_TEST_DATABASE_URL=$(POINTS_CITUS_URL) $(BIN)/python -m pytest -n $(WORKERS) --citus -k 'postgresql or scaleout' \
	  tests/scaleout tests/journal tests/audit tests/api --ignore tests/audit/tampering

clean:  ## remove caches and build products; .venv and .data stay
	rm -rf build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . \( -name .venv -o -name .data -o -name .git \) -prune -o -type d -name __pycache__ -exec rm -rf {} +

# The console is tested in a real Chromium, with a font that has Chinese: found, or installed by root.
browser:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  if command -v $$name >/dev/null && [ -n "$$(fc-list :lang=zh 2>/dev/null)" ]; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing a Chromium and a font with Chinese, which the console is tested with …"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install chromium fontconfig fonts-noto-cjk >/dev/null; \
	else \
	  echo "make: The console is tested in Chromium with a Chinese font, and one of them was not found." >&2; \
	  echo "make: On Debian or Ubuntu: apt install chromium fontconfig fonts-noto-cjk" >&2; exit 1; \
	fi

# pip is the last thing that venv makes, so a virtual environment that was cut short is made again.
$(BIN)/pip:
	@found=; old=; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then found=$$python; break; fi; \
	  old="$$old $$python is $$version;"; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "make: Python 3.11 or newer is needed, and none was found here.$$old" >&2; \
	  echo "make: Install one, or name it: make PYTHON=/path/to/python3.11 …" >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "make: $$found lacks the venv module, which sets up .venv." >&2; \
	  echo "make: On Debian or Ubuntu: apt install python3-venv (or python3.11-venv), then try again." >&2; exit 1; \
	fi; \
	echo "Setting up .venv with $$found …"; \
	$$found -m venv .venv

$(RUNTIME): setup.cfg constraints.txt | $(BIN)/pip
	@echo "Installing what the service needs …"
	@$(INSTALL) -e .
	@touch $@

$(TOOLS): setup.cfg constraints.txt | $(BIN)/pip
	@echo "Installing what the service, its tests and its checks need …"
	@$(INSTALL) -e '.[test,lint]'
	@touch $(RUNTIME) $@
