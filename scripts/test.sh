#!/usr/bin/env bash
# Sets up everything, in a virtual environment of its own, and runs the checks and the tests:
# ./scripts/test.sh [arguments of pytest]
#
# PYTHON chooses the interpreter (3.10 or newer), VENV the virtual environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/venv.sh
make_venv "${VENV:-.venv-test}" ".[dev]"
"$VENV_BIN/ruff" check .
"$VENV_BIN/ruff" format --check .
"$VENV_BIN/pyright" --pythonpath "$VENV_BIN/python"
exec "$VENV_BIN/python" -m pytest "$@"
