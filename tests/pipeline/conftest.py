"""What tests of the pipeline share."""

import pytest
from object_script import make_object_model


@pytest.fixture(scope="session")
def object_model():
    """A small model of the sources motion and pose."""
    return make_object_model()
