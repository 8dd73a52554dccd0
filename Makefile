# Breast ultrasound segmentation, a notebook series. `make` lists what it does.

PYTHON ?= python3
PROFILE ?= quick
DATA ?=
IMAGES ?=
OUT ?=
MODEL ?=
EXTERNAL ?=
MM_PER_PIXEL ?=
ADDRESS ?=
# a $ in a path is no variable of make
$(foreach name,DATA IMAGES OUT MODEL EXTERNAL,\
  $(eval override $(name) := $$(value $(name))))
export DATA PROFILE IMAGES OUT MODEL EXTERNAL MM_PER_PIXEL ADDRESS
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYTHONUTF8 = 1
# another Python's packages must not be found before those of .venv
unexport PYTHONPATH PYTHONHOME

PY := .venv/bin/python
COLAB_PY := .venv-colab/bin/python
# file by file, in two processes
PYTEST := -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup run-all test test-all test-colab browser pages serve \
  check-data predict external lab bench notebooks lint lock address clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  DATA="folder or zip"      real BUSI images; without it: $$BUSI_DIR, data/, else simulated ones'
	@echo '  EXTERNAL="folder or zip"  a second data set, BUS-BRA say, for notebook 9 of `run-all`'
	@echo '  PROFILE=quick|cpu|gpu     how much to compute (a file of profiles/)'
	@echo '  PYTHON=python3.12         the Python that makes .venv'

setup: ## make .venv with all packages (the other targets do this by themselves)
	@$(PYTHON) tools/setup_env.py

run-all: setup ## run the notebooks in order and build the pages
	@$(PY) -m tools.run_all --profile="$$PROFILE" --data="$$DATA" --external="$$EXTERNAL"

pages: setup ## build site/ from the run with the newest notebook
	@$(PY) -m tools.site.build

PORT ?= 8000
serve: ## show site/ at http://localhost:8000 (PORT=...)
	@test -f site/index.html || { echo "There are no pages yet: run \`make run-all\` first."; exit 1; }
	@why=$$($(PYTHON) -c "import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1])))" "$(PORT)" 2>&1) \
	  || { echo "$$why" | tail -n 1; echo "Another port may do: make serve PORT=8001"; exit 1; }
	@echo "The pages are at http://localhost:$(PORT)/ ; Ctrl+C ends this."
	@$(PYTHON) -m http.server --bind 127.0.0.1 --directory site $(PORT) 2>/dev/null

lab: setup ## open the notebooks in Jupyter [DATA=...]
	@$(PY) -m tools.lab "$$DATA"

check-data: setup ## list what is wrong with the images at DATA
	@$(PY) -m tools.check_data "$$DATA"

predict: setup ## outline lesions in images of your own: IMAGES=folder OUT=folder [MODEL=file] [MM_PER_PIXEL=0.08]
	@$(PY) -m tools.predict --model="$$MODEL" --mm-per-pixel="$$MM_PER_PIXEL" -- "$$IMAGES" "$$OUT"

external: setup ## score a network on another hospital's images: DATA=folder [MODEL=file] [OUT=folder]
	@$(PY) -m tools.external --model="$$MODEL" --out="$$OUT" -- "$$DATA"

AGAINST ?= plain torch smp
bench: setup ## speed, memory, time to a Dice beside other networks, and growth: 50 minutes
	@$(PY) -m tools.benchmark.compare --data "$$DATA" --against $(AGAINST)
	@$(PY) -m tools.benchmark.step
	@$(PY) -m tools.benchmark.waiting
	@$(PY) -m tools.benchmark.growth

test: setup lint ## run the checks of what readers use
	@$(PY) $(PYTEST) -m "not research"

test-all: setup lint ## the same, and those of benchmark, research tools and rehearsal
	@$(PY) $(PYTEST)

test-colab: ## all checks with the versions of Colab's image, and rehearse Colab and Kaggle
	@$(PYTHON) tools/setup_env.py colab
	@$(COLAB_PY) $(PYTEST)
	@$(COLAB_PY) -m tools.colab_rehearsal.rehearse

browser: setup ## install what looks at the pages in Chromium; the checks use it from then on
	@$(PY) tools/setup_env.py browser
	@$(PY) -m tools.site.browser

lint: setup ## check the form of the code only
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet .

notebooks: setup ## rebuild notebooks/*.ipynb from their .py sources
	@$(PY) -m tools.build_notebooks

address: setup ## set the repository's address everywhere: ADDRESS=https://github.com/you/repository
	@$(PY) -m tools.build_notebooks --address "$$ADDRESS"

lock: ## refresh constraints/lock.txt from the requirements (needs uv)
	@uv pip compile --quiet --universal --upgrade --no-annotate --no-header \
	  --python-version 3.11 requirements-dev.txt --output-file constraints/lock.txt

clean: ## remove results, pages and caches; keep data and .venv
	@rm -rf runs site pages/try/made .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
