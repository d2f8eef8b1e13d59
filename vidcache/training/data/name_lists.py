"""Lists of names that stand in a data set's settings, or in a text file of their own."""

from vidcache.errors import DataError
from vidcache.training.data.annotations import Place
from vidcache.training.data.csv_table import read_text
from vidcache.training.data.settings_file import GivenDataset

__all__ = ["list_names"]


def list_names(
    given: GivenDataset, wanted: tuple[str, ...] | str, *keys: str
) -> list[tuple[str, str]]:
    """Reads a list of names.

    Args:
        given: The data set.
        wanted: The names, or the file that holds one in each line.
        keys: Under which keys that stands.

    Returns:
        Each name, and where it stands.

    Raises:
        DataError: The file cannot be read.
    """
    if isinstance(wanted, tuple):
        return [(name, given.place(*keys, number)) for number, name in enumerate(wanted)]
    path = given.base / wanted
    if not path.is_file():
        raise DataError(
            f"{given.place(*keys)}: there is no file '{path}': expected a list of names, or a text "
            "file with a name a line"
        )
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(text.strip(), str(Place(path, line))) for line, text in lines if text.strip()]
