"""Judged drafts out of a file: a line of JSON for each."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.calibrate.labels import Label
from pipeline.errors import InvalidRequest, NotFound

__all__ = ["read_rows"]

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_IDS: Final = ("id", "request_id", "custom_id")


class _Line(BaseModel):
    """What a line may say; other keys are left alone."""

    model_config = ConfigDict(extra="ignore")

    right: bool
    confidence: Share | None = None
    signals: dict[str, Annotated[float, Field(allow_inf_nan=False)] | None] = Field(default_factory=dict)
    task: str | None = Field(default=None, max_length=200)
    tenant: str | None = Field(default=None, max_length=64)
    at: float | None = Field(default=None, ge=0.0)
    large_right: bool | None = None
    propensity: float = Field(default=1.0, gt=0.0, le=1.0)


def read_rows(files: Iterable[Path]) -> list[Label]:
    """The labels of these files, `.jsonl` or `.jsonl.gz`.

    Raises:
        NotFound: a file cannot be read.
        InvalidRequest: a line is no judged draft; names the place.
    """
    return [_label(place, line) for file in files for place, line in _lines(file)]


def _lines(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{file}:{number}", line
    except (OSError, EOFError) as error:
        raise NotFound(f"{file}: the labels cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _label(place: str, line: bytes) -> Label:
    try:
        found: Any = orjson.loads(line)
        read = _Line.model_validate(found)
    except orjson.JSONDecodeError:
        raise InvalidRequest(f"{place}: is no JSON") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the line"
        raise InvalidRequest(
            f"{place}: {key}: {first['msg'][:1].lower()}{first['msg'][1:]}; a line is "
            '{"right": true, "confidence": 0.93, "task": "faq"}, or has signals in place of the confidence'
        ) from None
    if read.confidence is None and not any(value is not None for value in read.signals.values()):
        raise InvalidRequest(f"{place}: neither a confidence nor a signal stands there to tell right from wrong by")
    key = next((str(found[name]) for name in _IDS if name in found), place)
    return Label(key=f"{place}|{key}", **read.model_dump())
