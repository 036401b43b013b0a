# Commands for people and continuous integration; `make help` lists them.

PY := .venv/bin/python
# A process that has no tests left takes some from another; each has its own servers.
PARALLEL := -n auto --dist worksteal
QUICK := not (server or browser or nginx or postgresql or slow)
LOCK = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 \
	--only-binary :all: --generate-hashes --no-header --no-annotate --no-emit-index-url \
	$(if $(UPGRADE),--upgrade)

BABEL = $(PY) -m babel.messages.frontend
NOISE := Project-Id\|Report-Msgid\|POT-Creation\|PO-Revision\|Last-T\|Language-Team\|Generated
POT := .messages.pot

.DEFAULT_GOAL := help
.PHONY: help run test check fuzz lock messages pinyin docs pictures bench release deploy clean installed installed-dev

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile | expand -t 16

run: installed ## Install the locked dependencies and serve the blog on 127.0.0.1:8000
	@exec .venv/bin/sanic blog.app -w 4

# Without bytecode each worker and each child process would compile all modules again.
test check fuzz: export PYTHONDONTWRITEBYTECODE =
# With a gigabyte of shared memory to spare, the quick tests write there, so no commit waits for a disk.
check: export PYTEST_DEBUG_TEMPROOT = $(SPARED)
SPARED = $(shell grep -qs ' /dev/shm .*noexec' /proc/mounts || \
	[ "$$(df -Pk /dev/shm 2>/dev/null | awk 'END { print $$4 + 0 }')" -lt 1000000 ] || echo /dev/shm)

test: installed-dev ## Run all tests; offers to install missing system packages
	@tests/system_packages.sh
	@exec $(PY) -m pytest --complete $(PARALLEL) $(PYTEST_ARGS)

fuzz: installed-dev ## Run the tests that try random input, for about an hour
	@exec $(PY) -m pytest $(PARALLEL) -m fuzz --examples 5000 --fuzz 100000 --changes 10000 $(PYTEST_ARGS)

check: installed-dev ## Check formatting, lint and types, and run the quick tests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@exec $(PY) -m pytest -q $(PARALLEL) -m "$(QUICK)" $(PYTEST_ARGS)

lock: installed-dev ## Update the lock files from pyproject.toml; UPGRADE=1 takes newer versions
	@$(LOCK) pyproject.toml --output-file requirements.lock
	@$(LOCK) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@$(LOCK) bench/rivals.in --output-file bench/rivals.lock

messages: installed-dev ## Collect translatable texts into the catalogues; new ones stay empty
	@$(BABEL) --quiet extract --mapping-file blog/locale/babel.cfg --keywords N_ \
		--add-location file --sort-by-file --no-wrap --output-file $(POT) .
	@for po in blog/locale/*/LC_MESSAGES/blog.po; do \
		$(BABEL) --quiet update --input-file $(POT) --output-file $$po --no-wrap \
			--locale $$(basename $${po%/LC_MESSAGES/*}) --no-fuzzy-matching --ignore-obsolete \
		&& sed -i '/^"\($(NOISE)\)/d' $$po || exit 1; \
	done; rm $(POT)

pinyin: installed-dev ## Generate the pinyin tables for addresses of new posts from pypinyin
	@$(PY) -m tests.tools.write_pinyin

docs: installed-dev ## Generate the tables of settings and commands in docs/
	@$(PY) -m tests.tools.write_tables

pictures: installed-dev ## Take the pictures of the READMEs and of docs/ again, in Chromium
	@$(PY) -m tests.tools.take_pictures

bench: installed-dev ## Compare the blog with other web stacks; BENCH="--quick --only flask"
	@exec $(PY) -m bench $(value BENCH)

# The date of the commit, so that anybody who builds it again gets the same files.
release: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
release: installed-dev ## Build and check the archives of a release and its list of components, in dist/
	@rm -rf dist
	@$(PY) -m hatchling build -d dist
	@$(PY) -m twine check --strict dist/*
	@$(PY) -m tests.tools.write_sbom dist

deploy: installed ## Set up nginx and systemd for DOMAIN=example.org; shows the changes, then asks
	@exec .venv/bin/blog deploy $(DOMAIN)

clean: ## Remove everything that was built; keeps data/
	rm -rf .venv .bench build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

installed:
	@deploy/venv requirements.lock

installed-dev:
	@deploy/venv requirements-dev.lock
