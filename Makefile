PYTHON ?= python
DATA ?= ../shared/data

.PHONY: check test bench tables golden

check:  ## lint and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:  ## the whole test suite on two processes
	$(PYTHON) -m pytest -n 2

bench:  ## speed and memory, ratios side by side in one run
	$(PYTHON) -m bench

tables:  ## every embedded table anew, from the real data in $(DATA)
	$(PYTHON) -m nasbench_sim.tabular.make_timing -o tables/timings/k80.h5
	$(PYTHON) -m surrogates.nasbench101 --data $(DATA) -o tables/nasbench101.h5
