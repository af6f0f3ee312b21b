# Two commands do everything: `make demo` and `make test`. Both build .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2
# OpenMP threads that wait by spinning starve each other as soon as anything else runs on the same cores
export OMP_WAIT_POLICY ?= passive

.PHONY: venv demo test test-web lint docs bench gpu-check clean

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# benchmarks import each other from the root of the repository
	echo '$(CURDIR)' > $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/graphvtr-benchmarks.pth
	touch $@

demo: venv
	$(BIN)/python -m graphvtr demo --out runs/demo

# in random order, whose seed is printed: `make test ORDER=1234` runs it again
ORDER ?= default
test: venv
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -p randomly --randomly-seed=$(ORDER)

# the page in a browser: Debian's Chromium, driven by Playwright, looked over by axe; `make test` skips these without
test-web: venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[web]'
	test -x /usr/bin/chromium || (apt-get update -q && apt-get install -q -y --no-install-recommends chromium)
	$(BIN)/python -m pytest tests/serve

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: venv
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: venv
	$(BIN)/python benchmarks/run.py quick

# on a machine with an NVIDIA GPU: tests, measurement and benchmarks there, within 8 minutes; else Triton's interpreter
gpu-check: venv
	$(BIN)/python -m benchmarks.speed.gpu_check

clean:
	rm -rf docs/_build runs build *.egg-info .pytest_cache .mypy_cache .ruff_cache
