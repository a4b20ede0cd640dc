# `make run` starts the platform, `make test` runs all tests. Everything else is in DEVELOPERS.md.
SHELL := /bin/sh
PY := .venv/bin/python
.PHONY: run test quick fresh bench fuzz lint audit sbom format shell env env-dev messages compilemessages screenshots clean

run: env
	@exec $(PY) -m xqplatform.run

test:
	@exec sh scripts/test.sh

quick: env-dev
	@exec $(PY) -m pytest -q -n 2 -m "not engine and not browser"

fresh:
	@exec python3 tests/fresh.py

bench: env-dev
	@sh scripts/packages.sh
	@exec $(PY) -m tests.bench

lint: env-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy xqplatform hosts builds containers
	.venv/bin/lint-imports
	.venv/bin/bandit -q -c pyproject.toml -r xqplatform hosts builds containers

fuzz: env-dev
	XQ_FUZZ=$${XQ_FUZZ:-100} $(PY) -m pytest -q -n 2 tests/shell/test_api_fuzz.py

audit: env-dev
	.venv/bin/pip-audit --strict -r requirements.txt

sbom: env-dev
	.venv/bin/cyclonedx-py environment .venv --output-format JSON --output-file sbom.json

format: env-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

shell: env
	@exec $(PY) manage.py shell

env:
	@sh scripts/venv.sh

env-dev:
	@sh scripts/venv.sh dev

messages: env-dev
	$(PY) manage.py makemessages -l zh_Hans --no-obsolete --no-wrap --add-location file --ignore .venv --ignore var --ignore tests

compilemessages: env-dev
	$(PY) manage.py compilemessages --ignore .venv --ignore var

screenshots: env-dev
	@sh scripts/packages.sh
	@exec $(PY) -m tests.browser.screenshots

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
