"""A file of requests, line by line: our own form, or the lines of OpenAI's batch API."""

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson
from pydantic import ValidationError

from pipeline.batch.model import Form
from pipeline.batch.seen import Seen
from pipeline.contracts import ErrorBody, Json, JsonObject, Request
from pipeline.errors import InvalidRequest, PermissionDenied, StepwellError

__all__ = [
    "MAX_LINE",
    "Entry",
    "NameCheck",
    "Reader",
    "Survey",
    "Translate",
    "mark_of",
    "numbered",
    "stored_form",
    "survey",
]

MAX_LINE: Final = 8 * 1_048_576
"""Bytes of one line. A longer request goes alone."""
MAX_CUSTOM_ID: Final = 256
MAX_PROBLEMS: Final = 1000
"""Problems that are kept to be shown."""
_MARK: Final = 16
_GZIP: Final = b"\x1f\x8b"

Translate = Callable[[str, JsonObject, str], Request]
"""Reads the body of an OpenAI batch line for the endpoint that its `url` names, and a tenant.

Raises InvalidRequest where it knows no such endpoint.
"""
NameCheck = Callable[[str, str], None]
"""Lets pass a route or variant that a tenant may name; raises UnknownModel for any other name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its number from 1, the caller's name for it, and the request or what is wrong with the line."""

    number: int
    custom_id: str | None
    request: Request | None
    problem: ErrorBody | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at a whole file found: `invalid` lines would not run, of which `problems` are the first.

    `repeated` lines ask what an earlier one asks.
    """

    form: Form
    total: int
    invalid: int
    repeated: int
    problems: tuple[Entry, ...]


class Reader:
    """Reads lines for one tenant. `defaults` are fields of a request that hold where a line names none."""

    def __init__(
        self,
        tenant: str,
        translate: Translate,
        defaults: Mapping[str, Json] | None = None,
        form: Form | None = None,
        endpoint: str | None = None,
        api_key: str | None = None,
        routes: Collection[str] | None = None,
        check: NameCheck | None = None,
    ) -> None:
        self.tenant = tenant
        self.defaults = dict(defaults or {})
        self.form = form
        self._endpoint = endpoint
        self._api_key = api_key
        self._routes = routes
        self._check = check
        self._translate = translate
        self._names = Seen()

    def close(self) -> None:
        """No more lines come."""
        self._names.close()

    def entry(self, number: int, raw: bytes | None) -> Entry:
        """Read one line; None for one that was too long to be read."""
        custom_id: str | None = None
        try:
            if raw is None:
                raise InvalidRequest(f"the line is longer than {MAX_LINE} bytes")
            fields = _object(raw)
            custom_id = _name_of(fields)
            request = self._request(fields)
            self._check_name(custom_id, number)
        except StepwellError as error:
            return _bad(number, custom_id, error)
        return Entry(number, custom_id, request, None)

    def _request(self, fields: JsonObject) -> Request:
        form: Form = "openai" if "body" in fields or "custom_id" in fields else "stepwell"
        self.form = self.form or form
        if form != self.form:
            raise InvalidRequest(f"lines of this batch are in the form of {self.form}, and this one is {form}")
        request = self._openai(fields) if form == "openai" else _native(fields)
        if request.stream:
            raise InvalidRequest("stream: a batch has nobody to stream to", param="stream")
        if "tenant" in request.model_fields_set and request.tenant != self.tenant:
            raise InvalidRequest(f"tenant: the batch is of {self.tenant}", param="tenant")
        update = {name: value for name, value in self.defaults.items() if getattr(request, name) is None}
        if self._api_key is not None:
            update["api_key"] = self._api_key
        ready = request.model_copy(update={**update, "tenant": self.tenant, "lane": "batch", "id": None})
        if self._routes is not None and (ready.pin or ready.route) not in self._routes:
            raise PermissionDenied(f"the key is for {', '.join(sorted(self._routes))} alone", param="model")
        self._check_models(ready)
        return ready

    def _check_models(self, request: Request) -> None:
        """What a line names exists: else each such line would fail when it runs."""
        for name in (request.route, request.pin) if self._check is not None else ():
            if name is not None and self._check is not None:
                self._check(name, self.tenant)

    def _openai(self, fields: JsonObject) -> Request:
        url = fields.get("url", self._endpoint)
        if fields.get("method", "POST") != "POST" or not isinstance(url, str):
            raise InvalidRequest("a line asks for POST and the url of an endpoint", param="url")
        if self._endpoint is not None and url != self._endpoint:
            raise InvalidRequest(f"url: the batch is for {self._endpoint} alone", param="url")
        body = fields.get("body")
        if not isinstance(body, dict):
            raise InvalidRequest("body: give the body of a request to that endpoint", param="body")
        unknown = fields.keys() - {"custom_id", "method", "url", "body"}
        if unknown or fields.get("custom_id") is None:
            raise InvalidRequest("a line has custom_id, method, url and body, and nothing else", param="custom_id")
        return self._translate(url, body, self.tenant)

    def _check_name(self, name: str | None, number: int) -> None:
        """Names are unique in a file."""
        if name is None:
            return
        if len(name) > MAX_CUSTOM_ID:
            raise InvalidRequest(f"custom_id is longer than {MAX_CUSTOM_ID} characters", param="custom_id")
        if self._names.first(_digest(name.encode(errors="surrogatepass")), number) is not None:
            raise InvalidRequest("another line of the file has the same id", param="custom_id")


def mark_of(request: Request, body: bytes) -> bytes | None:
    """A digest of all that a line asks; None: it must be answered anew, so that no other line's answer will do.

    `body` is the request as it is stored, without its id.
    """
    return _digest(body) if request.cache == "use" else None


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_MARK).digest()


async def numbered(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes | None]]:
    """Lines that are not blank with their numbers from 1; None for one that is too long, which is read past.

    Raises:
        InvalidRequest: the file is packed.
    """
    number, held, too_long = 0, bytearray(), False
    async for chunk in _text(chunks):
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            number += 1
            held += chunk[start:end]
            if too_long or len(held) > MAX_LINE:
                yield number, None
            elif held.strip():
                yield number, bytes(held)
            held, too_long, start = bytearray(), False, end + 1
        held += chunk[start:]
        if len(held) > MAX_LINE:
            held, too_long = bytearray(), True
    if too_long or len(held) > MAX_LINE:
        yield number + 1, None
    elif held.strip():
        yield number + 1, bytes(held)


async def _text(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same without the mark that some programs write before UTF-8."""
    head, begun = b"", False
    async for chunk in chunks:
        if begun:
            yield chunk
            continue
        head += chunk
        if len(head) >= len(BOM_UTF8):
            begun = True
            yield _begin(head)
    if not begun:
        yield _begin(head)


def _begin(head: bytes) -> bytes:
    if head.startswith(_GZIP):
        raise InvalidRequest("this is gzip: unpack it first", param="file")
    return head.removeprefix(BOM_UTF8)


async def survey(chunks: AsyncIterator[bytes], reader: Reader) -> Survey:
    """Check every line before any of them runs.

    Raises:
        InvalidRequest: there is no line, or the file is packed.
    """
    total = invalid = repeated = 0
    problems: list[Entry] = []
    asked = Seen()
    try:
        async for number, raw in numbered(chunks):
            entry = reader.entry(number, raw)
            total += 1
            if entry.problem is not None:
                invalid += 1
                problems += [entry] if len(problems) < MAX_PROBLEMS else []
            elif entry.request is not None:
                repeated += _repeats(entry.request, asked, number)
    finally:
        asked.close()
    if total == 0:
        raise InvalidRequest("the file has no lines: write one request on each")
    return Survey(reader.form or "stepwell", total, invalid, repeated, tuple(problems))


def _repeats(request: Request, asked: Seen, number: int) -> bool:
    mark = mark_of(request, stored_form(request))
    return mark is not None and asked.first(mark, number) is not None


def stored_form(request: Request) -> bytes:
    """The bytes of a request of a batch: what it does not say is its default."""
    return request.model_dump_json(exclude_defaults=True, exclude={"id"}).encode()


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
    """Our own form. Its `id` is the caller's name for the line and may be any string."""
    try:
        rest = {name: value for name, value in fields.items() if name != "id"}
        return Request.model_validate_json(orjson.dumps(rest))
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
