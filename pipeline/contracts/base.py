"""What every contract has in common: frozen, strict, and the scalar types that stand in subjects and keys."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from pipeline.contracts.trusted import changed, trusted

__all__ = [
    "MAX_WHOLE",
    "NAME_PATTERN",
    "Contract",
    "Json",
    "JsonObject",
    "Lane",
    "Name",
    "OpenContract",
    "Origin",
    "RequestId",
    "Share",
    "StageName",
    "Tenant",
    "UnixTime",
    "Whole",
]

NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
"""What may stand as one token of a NATS subject and one part of a cache key: no dot, no star, no space."""
_NAME: Final = re.compile(NAME_PATTERN).fullmatch

MAX_WHOLE = 2**53 - 1
"""The largest integer that every JSON reader holds exactly."""

_CONFIG = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, ser_json_inf_nan="null")


def _whole(value: Any) -> Any:
    """Take 5.0 for 5, as JSON Schema does, and no more than is exact; leave everything else to the strict check."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not -MAX_WHOLE <= value <= MAX_WHOLE:
        raise ValueError(f"an integer beyond {MAX_WHOLE} is not exact everywhere")
    return value


def _portable(value: Any) -> Any:
    """Keep only what every JSON reader can hold: no NaN, no infinity, and a float where an integer exceeds 64 bits."""
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and infinities are no JSON")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _portable(_as_float(value))
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


Tenant = Annotated[str, Field(pattern=NAME_PATTERN)]
RequestId = Annotated[str, Field(pattern=NAME_PATTERN)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Origin = Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
Whole = Annotated[int, BeforeValidator(_whole)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
UnixTime = Annotated[float, Field(ge=0.0)]

Lane = Literal["interactive", "batch"]
StageName = Literal["classify", "plan", "recall", "draft", "check", "escalate", "audit"]

Json = Annotated[JsonValue, AfterValidator(_portable)]
JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_portable)]


class _Made(BaseModel):
    """Contracts made and changed without a check are made the short way: the library looks through all their fields."""

    @classmethod
    def model_construct(  # type: ignore[override]
        cls, _fields_set: set[str] | None = None, **values: Any
    ) -> Self:
        """An instance of these values, which are not checked."""
        if _fields_set is not None:
            return super().model_construct(_fields_set, **values)
        return trusted(cls, values)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same with these fields, which are not checked."""
        if deep or (update and not update.keys() <= type(self).model_fields.keys()):
            return super().model_copy(update=update, deep=deep)
        return changed(self, update or {})

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: nobody changes it. The library copies what stands as a default each time it validates."""
        return self


class Contract(_Made):
    """A message whose every field is known: an unknown one is refused, so that a typing slip never passes silently."""

    model_config = ConfigDict(**_CONFIG, extra="forbid")


class OpenContract(_Made):
    """A message that travels between our own versions: fields of a newer minor version are kept and handed on."""

    model_config = ConfigDict(**_CONFIG, extra="allow")

    __pydantic_extra__: dict[str, Json]


def is_name(text: str) -> bool:
    """Tell whether `text` may stand in a subject or a key."""
    return _NAME(text) is not None
