# Two commands: `make demo` sets up and runs the main job, `make test` sets up and passes the tests.
PYTHON ?= python3

.PHONY: demo test lint security wheel docs pictures fuzz properties reliability clean

demo: .venv/.ready
	.venv/bin/netsparse train

test: .venv/.ready
	.venv/bin/python -m pytest -n logical --maxprocesses 4 --dist worksteal --cov --cov-report=term --cov-report=json:.coverage_report.json
	.venv/bin/python .ci/coverage.py .coverage_report.json

lint: .venv/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# What can be looked for without a network; tests/netsparse/test_security.py has the house's rules.
security: .venv/.ready
	.venv/bin/bandit --quiet --configfile pyproject.toml --recursive netsparse analysis training figures
	.venv/bin/pip check

# Wheel and sdist, installed and used elsewhere. FRESH=1: with their dependencies anew, which takes minutes and a network.
wheel: .venv/.ready
	NETSPARSE_FRESH=$(FRESH) .venv/bin/python -m pytest tests/release

# The documentation site, in the folder site; a warning is an error.
docs: .venv/.docs-ready
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

# Every reader of masks on files changed at random, each for MINUTES.
MINUTES ?= 2
fuzz: .venv/.ready
	NETSPARSE_FUZZ_MINUTES=$(MINUTES) .venv/bin/python -m pytest tests/fuzz

# Property tests on TIMES as many examples as `make test` tries, new ones every time; what fails is shrunk, kept and tried again.
TIMES ?= 10
properties: .venv/.ready
	NETSPARSE_PROPERTY_TIMES=$(TIMES) .venv/bin/python -m pytest -n logical --maxprocesses 4 tests/properties

# Trainings killed KILLS times, at random moments and within writes, while they measure and draw as well; each ends as if nothing had been.
KILLS ?= 50
reliability: .venv/.ready
	NETSPARSE_KILLS=$(KILLS) .venv/bin/python -m pytest tests/reliability/test_crashes.py

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/.ready

# The pictures of docs/concepts, from a training of two minutes.
pictures: .venv/.ready
	.venv/bin/netsparse train --no-figures --out build/digits
	.venv/bin/python docs/concepts/draw.py build/digits

.venv/.docs-ready: .venv/.ready
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch .venv/.docs-ready

clean:
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage
