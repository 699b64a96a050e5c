"""The body that asks for a batch. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from pipeline.batch.model import Hours, Options
from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.lines import CHAT, EMBEDDINGS, RESPONSES
from pipeline.gateway.parameters import refuse

__all__ = ["ENDPOINTS", "Wanted", "read"]

ENDPOINTS: Final = (CHAT, RESPONSES, EMBEDDINGS)
WINDOW: Final = "24h"
DAY_S: Final = 86_400.0
_FIELDS: Final = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after", "stepwell")
_METADATA: Final = 16
_KEY: Final = 64
_VALUE: Final = 512
_FAR: Final = 2**33
"""Unix seconds of the year 2242."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch as asked for."""

    file: str
    options: Options


def read(fields: JsonObject, key_id: str | None, routes: Iterable[str] | None = None) -> Wanted:
    """Read the body.

    Args:
        fields: the body.
        key_id: public id of the key that it came with.
        routes: those that the key may ask; None: all.

    Raises:
        InvalidRequest: a field is missing or wrong.
        UnsupportedParameter: it asks for something that is not done.
    """
    for name, value in fields.items():
        if name not in _FIELDS or (name == "output_expires_after" and value is not None):
            raise refuse(name)
    file = fields.get("input_file_id")
    if not isinstance(file, str) or not file:
        raise InvalidRequest("input_file_id is missing: send the file to /v1/files first", param="input_file_id")
    endpoint = fields.get("endpoint")
    if endpoint not in ENDPOINTS:
        raise InvalidRequest(f"endpoint: one of {', '.join(ENDPOINTS)}", param="endpoint")
    if fields.get("completion_window") != WINDOW:
        raise InvalidRequest(f"completion_window: say {WINDOW}", param="completion_window")
    own = _own(fields.get("stepwell"))
    defaults = {name: own.pop(name) for name in ("route", "origin") if name in own}
    return Wanted(
        file,
        Options(
            form="openai",
            endpoint=str(endpoint),
            window_s=DAY_S,
            metadata=_metadata(fields.get("metadata")),
            api_key=key_id,
            routes=None if routes is None else tuple(sorted(routes)),
            defaults=defaults,
            **own,
        ),
    )


def _metadata(value: Json) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > _METADATA:
        raise InvalidRequest(f"metadata: an object of at most {_METADATA} entries", param="metadata")
    for name, text in value.items():
        if not isinstance(text, str) or len(name) > _KEY or len(text) > _VALUE:
            raise InvalidRequest(
                f"metadata: names of at most {_KEY} characters with texts of at most {_VALUE}", param="metadata"
            )
    return {name: str(text) for name, text in value.items()}


def _own(value: Json) -> dict[str, Any]:
    """What only Stepwell knows, under its one key."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("stepwell must be an object", param="stepwell")
    for name in value:
        if name not in _READ:
            raise refuse(f"stepwell.{name}", advice=f"known are {', '.join(_READ)}")
    return {name: _READ[name](given, name) for name, given in value.items() if given is not None}


def _truth(value: Json, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"stepwell.{name}: true or false", param=f"stepwell.{name}")
    return value


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _KEY:
        raise InvalidRequest(f"stepwell.{name}: a text of 1 to {_KEY} characters", param=f"stepwell.{name}")
    return value


def _moment(value: Json, _: str) -> float:
    """Unix seconds, or a time as ISO 8601 with its zone."""
    try:
        said = datetime.fromisoformat(value).timestamp() if isinstance(value, str) and _zoned(value) else value
    except (ValueError, OverflowError):
        said = None
    if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < _FAR:
        return float(said)
    raise InvalidRequest(
        "stepwell.not_before: Unix seconds, or a time with its zone like 2026-12-01T22:00:00+01:00",
        param="stepwell.not_before",
    )


def _zoned(text: str) -> bool:
    """Without a zone nobody knows which moment it is."""
    return datetime.fromisoformat(text).tzinfo is not None


def _hours(value: Json, _: str) -> Hours:
    try:
        return Hours.model_validate(value)
    except ValidationError:
        raise InvalidRequest(
            'stepwell.hours: an object like {"start": "22:00", "end": "06:00", "timezone": "Europe/Berlin"}',
            param="stepwell.hours",
        ) from None


_READ: Final[dict[str, Callable[[Json, str], Any]]] = {
    "not_before": _moment,
    "hours": _hours,
    "skip_invalid": _truth,
    "dedup": _truth,
    "route": _text,
    "origin": _text,
}
