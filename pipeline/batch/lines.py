"""A file of requests, line by line: our own form, or the lines of OpenAI's batch API."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

import orjson
from pydantic import ValidationError

from pipeline.contracts import ErrorBody, Json, JsonObject, Request
from pipeline.errors import InvalidRequest, StepwellError

__all__ = ["MAX_LINE", "Entry", "Form", "Reader", "Survey", "Translate", "survey"]

MAX_LINE: Final = 1_048_576
"""Bytes of one line; longer requests would not fit the transport."""
MAX_CUSTOM_ID: Final = 256
MAX_PROBLEMS: Final = 1000
"""Problems that are kept to be shown."""
CHAT: Final = "/v1/chat/completions"

Form = Literal["stepwell", "openai"]
Translate = Callable[[JsonObject], Request]
"""Reads the body of an OpenAI batch line, for the tenant of the batch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its number from 1, the caller's name for it, and the request or what is wrong with the line."""

    number: int
    custom_id: str | None
    request: Request | None
    problem: ErrorBody | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first look at the file found: `invalid` lines would not run, of which `problems` are the first."""

    form: Form
    total: int
    last: int
    digest: str
    invalid: int
    problems: tuple[Entry, ...]


class Reader:
    """Reads lines for one tenant. `defaults` are fields of a request that hold where a line names none."""

    def __init__(
        self, tenant: str, translate: Translate, defaults: Mapping[str, Json] | None = None, form: Form | None = None
    ) -> None:
        self.tenant = tenant
        self.defaults = dict(defaults or {})
        self.form = form
        self._translate = translate
        self._names: set[bytes] = set()

    def entries(self, path: Path, digest: "hashlib._Hash | None" = None) -> Iterator[Entry]:
        """All lines that are not blank, in order; what passes is also fed to `digest`."""
        self._names = set()
        with path.open("rb") as file:
            for number, raw in _lines(file, digest):
                if raw is None:
                    yield _bad(number, None, InvalidRequest(f"the line is longer than {MAX_LINE} bytes"))
                elif raw.strip():
                    yield self.entry(number, raw)

    def entry(self, number: int, raw: bytes) -> Entry:
        """Read one line."""
        custom_id: str | None = None
        try:
            fields = _object(raw)
            custom_id = _name_of(fields)
            request = self._request(fields)
            self._check_name(custom_id)
        except StepwellError as error:
            return _bad(number, custom_id, error)
        return Entry(number, custom_id, request, None)

    def _request(self, fields: JsonObject) -> Request:
        form: Form = "openai" if "body" in fields or "custom_id" in fields else "stepwell"
        self.form = self.form or form
        if form != self.form:
            raise InvalidRequest(f"the file began with lines in the form of {self.form}, and this one is {form}")
        request = self._openai(fields) if form == "openai" else _native(fields)
        if request.stream:
            raise InvalidRequest("stream: a batch has nobody to stream to", param="stream")
        if "tenant" in request.model_fields_set and request.tenant != self.tenant:
            raise InvalidRequest(f"tenant: the batch is of {self.tenant}", param="tenant")
        missing = {name: value for name, value in self.defaults.items() if getattr(request, name) is None}
        return request.model_copy(update={**missing, "tenant": self.tenant, "lane": "batch"})

    def _openai(self, fields: JsonObject) -> Request:
        if fields.get("method", "POST") != "POST" or fields.get("url", CHAT) != CHAT:
            raise InvalidRequest(f"a line asks for POST {CHAT} and nothing else", param="url")
        body = fields.get("body")
        if not isinstance(body, dict):
            raise InvalidRequest("body: give the body of a chat completion", param="body")
        unknown = fields.keys() - {"custom_id", "method", "url", "body"}
        if unknown or fields.get("custom_id") is None:
            raise InvalidRequest("a line has custom_id, method, url and body, and nothing else", param="custom_id")
        return self._translate(body)

    def _check_name(self, name: str | None) -> None:
        """Names are unique in a file; of each only a short digest is kept."""
        if name is None:
            return
        if len(name) > MAX_CUSTOM_ID:
            raise InvalidRequest(f"custom_id is longer than {MAX_CUSTOM_ID} characters", param="custom_id")
        mark = hashlib.blake2b(name.encode(), digest_size=8).digest()
        if mark in self._names:
            raise InvalidRequest("another line of the file has the same id", param="custom_id")
        self._names.add(mark)


def survey(path: Path, reader: Reader) -> Survey:
    """Check every line before any of them runs.

    The digest is over the bytes of the file, the tenant and the defaults: all that decides what will be asked.
    """
    salt = {"tenant": reader.tenant, "defaults": reader.defaults}
    digest = hashlib.sha256(orjson.dumps(salt, option=orjson.OPT_SORT_KEYS))
    total = last = invalid = 0
    problems: list[Entry] = []
    for entry in reader.entries(path, digest):
        total, last = total + 1, entry.number
        if entry.problem is not None:
            invalid += 1
            if len(problems) < MAX_PROBLEMS:
                problems.append(entry)
    if total == 0:
        raise InvalidRequest(f"{path.name} has no lines: write one request on each")
    return Survey(reader.form or "stepwell", total, last, digest.hexdigest(), invalid, tuple(problems))


def _lines(file: BinaryIO, digest: "hashlib._Hash | None") -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long, which is read past in pieces."""
    number = 0
    while raw := file.readline(MAX_LINE + 1):
        number += 1
        if digest is not None:
            digest.update(raw)
        whole = len(raw) <= MAX_LINE or raw.endswith(b"\n")
        piece = raw
        while not piece.endswith(b"\n") and len(piece) > MAX_LINE:
            piece = file.readline(MAX_LINE + 1)
            if digest is not None:
                digest.update(piece)
        yield number, raw if whole else None


def _object(raw: bytes) -> JsonObject:
    try:
        value: Json = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"no JSON: {error.msg} (column {error.colno})") from None
    if not isinstance(value, dict):
        raise InvalidRequest("a line must be a JSON object")
    return value


def _name_of(fields: JsonObject) -> str | None:
    name = fields.get("custom_id", fields.get("id"))
    if name is not None and not isinstance(name, str):
        raise InvalidRequest("custom_id must be a string", param="custom_id")
    return name


def _native(fields: JsonObject) -> Request:
    try:
        return Request.model_validate_json(orjson.dumps(fields))
    except (ValidationError, orjson.JSONEncodeError) as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError | orjson.JSONEncodeError) -> InvalidRequest:
    if not isinstance(error, ValidationError):
        return InvalidRequest("the line is nested too deeply")
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    param = ".".join(str(word) for word in first["loc"]) or "messages"
    return InvalidRequest(f"{param}: {first['msg']}", param=param)


def _bad(number: int, custom_id: str | None, error: StepwellError) -> Entry:
    return Entry(number, custom_id, None, ErrorBody(code=error.code, message=error.message, param=error.param))
