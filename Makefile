# `make demo` and `make test` set up everything they need by themselves.
PYTHON ?= python3
VENV ?= .venv
DEMO = unchanged retrained rejection finetune_retain balanced_finetune inverse_frequency \
	taming_flows data_redaction_data self_conditioned_gan diversity_weights
INSTANCES = identity_removal/rendered-flow category_redaction/digits-gan-at-10 \
	attribute_rebalancing/rendered-gan output_diversity/digits-gan
MYPY = $(abspath $(VENV))/bin/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache
PARALLEL = -n auto --dist loadgroup --no-loadscope-reorder
KEEP = MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=2147483648 # memory that tensors leave is used again
unexport PYTHONDONTWRITEBYTECODE
export RETOUCH_DATA ?= $(wildcard ../shared/data)

demo: $(VENV)/demo  ## controls, baselines and references on every task of the tiny track, one seed, and the table
	@for name in $(DEMO); do mkdir -p demo/$$name && cp submissions/$$name/submission.toml demo/$$name/; done
	$(VENV)/bin/retouch run $(DEMO:%=demo/%) --track tiny --seed 0 --point default $(INSTANCES:%=--instance %)

test: $(VENV)/test chromium bubblewrap  ## lint and the fast tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check -q .
	$(KEEP) $(VENV)/bin/python -m pytest $(PARALLEL)

types: $(VENV)/test  ## type hints, on an unpacked wheel: mypy does not see through an editable install
	rm -rf build
	$(VENV)/bin/pip wheel -q --no-deps -w build/types .
	$(VENV)/bin/python -m zipfile -e build/types/*.whl build/types
	cd build/types && $(MYPY) -p retouch && MYPYPATH=. $(MYPY) ../../tests/types/contract.py

slow: $(VENV)/test  ## the tests that take minutes: every case of the table of intervals, ten thousand records
	$(VENV)/bin/python -m pytest -m slow

chromium:  ## the browser that the leaderboard's tests drive: the system's package, or Playwright's own
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1 \
	|| $(VENV)/bin/playwright install chromium || echo "no browser could be set up: the board's browser tests are skipped"

bubblewrap:  ## the sandbox that the tests of isolation lock methods up in: the system's package
	@command -v bwrap >/dev/null || (apt-get update -qq && apt-get install -y -qq bubblewrap) >/dev/null 2>&1 \
	|| echo "bubblewrap could not be set up: the tests of the sandbox are skipped"

lowest:  ## the fast tests with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install -q $$($(PYTHON) -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	o = p['optional-dependencies']; print(*(d.replace('>=', '==') for d in p['dependencies'] + o['adapters'] + o['board'] + o['cluster'] + o['peers'] + o['dev'] if '[' not in d))")
	$(VENV)-lowest/bin/pip install -q --no-deps -e .
	$(VENV)-lowest/bin/python -m pytest $(PARALLEL)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(VENV)/bin/pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[dev]'
	touch $@

.PHONY: demo test types slow chromium bubblewrap lowest
