"""Reads the file of a calibrator, and says what is wrong with it."""

import hashlib

import orjson
from pydantic import ValidationError

from pipeline.policy.calibration.calibrator import Calibrator
from pipeline.policy.calibration.gate import Gate
from pipeline.policy.calibration.platt import Curve
from pipeline.policy.validate import first_of

__all__ = ["BrokenFile", "read_calibrator"]


class BrokenFile(ValueError):
    """The bytes are no calibrator; says why in a sentence that begins with the place."""


def read_calibrator(path: str, body: bytes) -> Calibrator:
    """The calibrator in a file at `path`.

    Raises:
        BrokenFile: it holds none.
    """
    try:
        model = Gate if _kind(body) == "gate" else Curve
        return Calibrator(f"{path}@{hashlib.sha256(body).hexdigest()[:16]}", model.model_validate_json(body))
    except ValidationError as error:
        raise BrokenFile(first_of(error)) from None


def _kind(body: bytes) -> object:
    """The kind that stands in the file; one that is unknown is told as a problem of it."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    kind = document.get("kind") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind not in ("platt", "gate"):
        raise BrokenFile("kind: must be 'platt' or 'gate'")
    return kind
