"""Fixtures that all tests share."""

import pytest

_ERRORS = pytest.StashKey[dict[str, float]]()


def pytest_configure(config):
    config.stash[_ERRORS] = {}


@pytest.fixture
def largest_error(request):
    """Notes an error under a name; the largest of each name is printed at the end of the run."""
    errors = request.config.stash[_ERRORS]

    def note(name, error):
        errors[name] = max(error, errors.get(name, 0.0))

    return note


def pytest_terminal_summary(terminalreporter, config):
    errors = config.stash[_ERRORS]
    if errors:
        terminalreporter.section("largest relative errors, stream against clip")
        for name, error in errors.items():
            terminalreporter.write_line(f"{error:.1e}  {name}")
