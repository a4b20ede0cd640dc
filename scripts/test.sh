#!/bin/sh
# All tests: `make test`. Arguments go to scripts/test.py (see there).
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh
sh scripts/venv.sh dev
exec .venv/bin/python scripts/test.py "$@"
