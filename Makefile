# The interpreter that environments are made from: make test PYTHON=python3.13
PYTHON ?= python3
# More arguments, such as: make demo ARGS="photo.jpg --mask holes.png"
ARGS ?=
# And: make test PYTEST_ARGS="-m slow"
PYTEST_ARGS ?=

SUPPORTED := 3.11 3.12 3.13
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# One environment per version of Python, so that they do not replace each other. All paths are
# relative: the checkout's own may have spaces.
VENV := .venv/$(or $(VERSION),none)
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-all style types tests figures bench docs soak audit clean

help:
	@echo 'make demo    restore a photograph that comes with scikit-image; results in restored/'
	@echo 'make test    check style and types, and run the fast tests'
	@echo 'make test-all  the same, and every slow test and case; over half an hour'
	@echo 'make figures reproduce the figures and tables of the paper, and measure its claims'
	@echo 'make bench   measure speed and memory beside peers; results in docs/performance.md'
	@echo 'make docs    build the documentation site in docs/_build/html, and check its links'
	@echo 'make soak    kill, starve and fuzz it for an hour; ARGS="--minutes 5" takes less'
	@echo 'make audit   look up known faults of the dependencies, and list them all in sbom.json'
	@echo 'make clean   remove environments, caches and built packages'
	@echo
	@echo 'Each makes an environment of its own in .venv/ first; it needs Python 3.11 to 3.13.'
	@echo 'PYTHON=python3.13 chooses another interpreter than python3,'
	@echo 'ARGS="..." adds to the command line of demo, docs, bench and soak, PYTEST_ARGS="..." to that'
	@echo 'of pytest.'

demo: $(VENV)/.runtime
	$(RUN) -m bio_scnn.run_inpaint $(ARGS)

# One after the other, or side by side with make --jobs=2 test.
test: style types tests

style: $(VENV)/.dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(VENV)/.dev
	$(RUN) -m mypy

tests: $(VENV)/.dev
	$(RUN) -m pytest -n auto --maxprocesses 8 --dist loadfile $(PYTEST_ARGS)

# Comparisons with libraries that are not installed are skipped.
test-all: style types $(VENV)/.dev
	$(RUN) -m pytest -n auto --maxprocesses 8 --dist loadfile -m 'not benchmark' --every-case \
	  $(PYTEST_ARGS)

figures: $(VENV)/.figures
	$(RUN) -m figures
	$(RUN) -m tools.docs.claims

bench: $(VENV)/.bench
	$(RUN) -m benchmarks $(ARGS)
	$(RUN) -m tools.docs.performance
	$(RUN) -m tools.docs.clusters_plan

docs: $(VENV)/.docs
	$(RUN) -m sphinx -q -W --keep-going $(ARGS) -b html docs docs/_build/html
	$(RUN) -m pip wheel -qq --disable-pip-version-check --no-deps --wheel-dir docs/_build/html/check .
	$(RUN) -m tools.docs.links docs/_build/html

soak: $(VENV)/.soak
	$(RUN) -m tests.soak $(ARGS)

# What the package itself needs, apart from the tools that look it up. Without a network the list
# is written all the same.
audit: $(VENV)/.audit
	$(VENV)/audited/bin/python -m pip freeze --exclude bio-scnn > $(VENV)/audited.txt
	$(VENV)/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file sbom.json \
	  $(VENV)/audited/bin/python
	@$(VENV)/audit/bin/python tools/audit.py $(VENV)/audit/bin/pip-audit $(VENV)/audited.txt

$(VENV)/.python: pyproject.toml
	@case " $(SUPPORTED) " in *" $(or $(VERSION),none) "*) ;; *) \
	  echo 'error: bio_scnn needs Python 3.11 to 3.13, and $(PYTHON) is' \
	    '$(or $(VERSION),not a working interpreter);' \
	    'name another: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.13' >&2; exit 1;; esac
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'error: $(PYTHON) cannot make environments; install its venv package' \
	    '(on Debian and Ubuntu: python$(VERSION)-venv)' >&2; exit 1; }
	@echo 'Installing bio_scnn and what it needs in $(VENV); this takes a minute or two.'
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) 'pip>=22.3'
	@touch $@

$(VENV)/.runtime: $(VENV)/.python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python
	$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.runtime $@

$(VENV)/.figures: $(VENV)/.runtime
	$(INSTALL) --editable '.[figures]'
	@touch $@

$(VENV)/.docs: $(VENV)/.runtime
	$(INSTALL) --editable '.[docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.runtime
	$(INSTALL) --editable '.[bench]'
	@touch $@

$(VENV)/.soak: $(VENV)/.dev
	$(INSTALL) --editable '.[soak]'
	@touch $@

$(VENV)/.audit: $(VENV)/.python
	$(PYTHON) -m venv --clear $(VENV)/audited
	$(VENV)/audited/bin/python -m pip install -qq --disable-pip-version-check .
	$(PYTHON) -m venv --clear $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install -qq --disable-pip-version-check \
	  'pip-audit>=2.7,<3' 'cyclonedx-bom>=5,<8'
	@touch $@

clean:
	rm -rf .venv sbom.json build dist docs/_api docs/_build docs/_gallery *.egg-info .mypy_cache \
	  .pytest_cache .ruff_cache
	find bio_scnn benchmarks figures tests tools -name __pycache__ -type d -exec rm -rf {} +
