"""The file of requests: one JSON object on a line."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from pipeline.contracts import Contract, Request
from pipeline.embedded.demo.grading import Expected
from pipeline.errors import InvalidRequest

__all__ = ["Case", "read_cases"]


class Case(Contract):
    """A request, what kind of question it is, and what a right reply looks like, where that is known."""

    request: Request
    kind: Annotated[str, Field(max_length=24)] = "own"
    expected: Expected | None = None


def read_cases(path: Path) -> list[Case]:
    """Read a file. A line is either a case or a bare request.

    Raises:
        InvalidRequest: a line is neither; the message names the line and the field.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read as text ({type(error).__name__}); give a JSONL file") from None
    cases = [_case(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not cases:
        raise InvalidRequest(f"{path} holds no request; write one JSON object on each line")
    return cases


def _case(line: str, place: str) -> Case:
    try:
        if '"request"' in line:
            return Case.model_validate_json(line)
        return Case(request=Request.model_validate_json(line))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{place}: {where or 'line'}: {first['msg']}", param=where or None) from None
