PYTHON ?= python
DATA ?= ../shared/data

.PHONY: check test bench tables docs golden gate calibrate

check:  ## lint and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:  ## the whole test suite on two processes
	$(PYTHON) -m pytest -n 2

bench:  ## speed and memory, ratios side by side in one run
	$(PYTHON) -m bench

docs:  ## the pictures of the README, from a run of the main job
	$(PYTHON) -m suites.run ws_vs_rs
	mkdir -p docs && cp results/ws_vs_rs/figures/regret-A1.svg results/ws_vs_rs/figures/regret-A4.svg docs/

golden:  ## golden traces anew, after a change that is meant to alter them
	$(PYTHON) -m tests.golden.remake

gate:  ## has an algorithm got worse? against the stored baseline
	$(PYTHON) -m suites.regress smoke --baseline tests/golden/smoke-baseline.txt

calibrate:  ## the gate's own false alarms, power and cost
	$(PYTHON) -m suites.regress calibrate smoke

tables:  ## every embedded table anew, from the real data in $(DATA)
	$(PYTHON) -m nasbench_sim.tabular.make_timing -o tables/timings/k80.h5
	$(PYTHON) -m surrogates.nasbench101 --data $(DATA) -o tables/nasbench101.h5
	$(PYTHON) -m surrogates.nasbench201 --data $(DATA) -o tables/nasbench201.h5
	$(PYTHON) -m surrogates.macronas --data $(DATA) -o tables/macronas.h5
	$(PYTHON) -m surrogates.darts_teaching --yahpo $(DATA)/yahpo_nb301 -o tables/darts_distilled.npz
