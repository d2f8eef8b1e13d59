"""What all sections of the settings share: no unknown keys, no changes, and kinds of values."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["Address", "Count", "Name", "Positive", "Score", "Seconds", "Section", "SourceName"]


def _as_source(value: object) -> object:
    """A camera's number may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_name(value: object) -> object:
    """YAML reads ``null`` and an empty value as nothing, which means ``none`` here."""
    return "none" if value is None else value


SourceName = Annotated[str, BeforeValidator(_as_source), Field(min_length=1)]
Address = SourceName
Name = Annotated[str, BeforeValidator(_as_name), Field(min_length=1)]
Score = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Section(BaseModel):
    """A mapping of settings, checked and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, protected_namespaces=())
