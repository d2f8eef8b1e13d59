"""What closes itself at the end of a ``with`` block."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

__all__ = ["Closing"]

_Closed = TypeVar("_Closed", bound="Closing")


class Closing(ABC):
    """A context manager whose end is `close`, whether or not an error ended the block."""

    @abstractmethod
    def close(self) -> None:
        """Finish, and give back what was held; a second call does nothing."""

    def __enter__(self: _Closed) -> _Closed:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
