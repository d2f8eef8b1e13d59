#!/usr/bin/env bash
# Sets up everything and runs the demo: ./scripts/demo.sh [flags of `vidcache demo`]
#
# PYTHON chooses the interpreter (3.10 or newer), VENV the virtual environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/venv.sh
make_venv "${VENV:-.venv}" ".[run]"
exec "$VENV_BIN/vidcache" demo "$@"
