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

# One thread of linear algebra each: sums, and so the last digits of a table, depend on how many there are.
MAKERS = table-k80 table-nasbench101 table-nasbench201 table-macronas table-darts
.PHONY: $(MAKERS)

tables:  ## every embedded table that was learned anew, from the real data in $(DATA), two at once
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(MAKE) -j 2 $(MAKERS)

table-k80:
	$(PYTHON) -m nasbench_sim.tabular.make_timing -o tables/timings/k80.h5

table-nasbench101:
	$(PYTHON) -m surrogates.nasbench101 --data $(DATA) -o tables/nasbench101.h5

table-nasbench201:
	$(PYTHON) -m surrogates.nasbench201 --data $(DATA) -o tables/nasbench201.h5

table-macronas:
	$(PYTHON) -m surrogates.macronas --data $(DATA) -o tables/macronas.h5

table-darts:
	$(PYTHON) -m surrogates.darts_teaching --yahpo $(DATA)/yahpo_nb301 -o tables/darts_distilled.npz
