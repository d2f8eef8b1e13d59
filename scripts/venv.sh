# Sourced by the other scripts: make_venv FOLDER REQUIREMENT creates a virtual environment and
# installs this project into it. It may run again and again: what is there is not fetched again.

make_venv() {
    local folder=$1 requirement=$2 python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        echo "vidcache needs Python 3.10 or newer: PYTHON=/path/to/python $0" >&2
        exit 1
    fi
    VENV_BIN=$folder/bin
    [ -x "$VENV_BIN/python" ] || "$python" -m venv "$folder"
    "$VENV_BIN/python" -m pip install --quiet --disable-pip-version-check -e "$requirement"
}
