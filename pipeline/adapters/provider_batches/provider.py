"""The provider's API of files and batches. What it is sent are lines of the shelf; what it says of itself is checked.

No answer of a provider about an error is kept or told: it may quote what was sent.
"""

import re
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import aiohttp
import aiohttp.payload
import orjson

from pipeline.adapters.models.endpoint import below
from pipeline.adapters.models.exchange import LARGEST_ANSWER
from pipeline.adapters.provider_batches.records import ENDPOINT
from pipeline.policy.models import Target

__all__ = ["Batch", "Provider", "Refused", "Unclear"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_LARGEST: Final = 8 * 1024 * 1024
"""Bytes of anything but an answer file."""
_PAGES: Final = 20
_TIMES: Final = aiohttp.ClientTimeout(total=600.0, sock_read=120.0)
_LONG: Final = aiohttp.ClientTimeout(total=3600.0, sock_read=120.0)
"""Of a file, which may have hundreds of megabytes."""
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})


class Unclear(Exception):
    """It is not known whether it was done: the provider was away, or said something that is no answer."""


class Refused(Exception):
    """It was not done, and would not be if it was asked again."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Batch(NamedTuple):
    """A batch as its provider tells of it."""

    name: str
    status: str
    outputs: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _OVER


class _Lines(aiohttp.payload.AsyncIterablePayload):
    """Bytes that are sent as they come, and whose number is told before: not every server takes chunks."""

    def __init__(self, lines: AsyncIterator[bytes], size: int) -> None:
        super().__init__(lines, content_type="application/jsonl")
        self._size = size


class Provider:
    """Files and batches of any target."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def upload(self, spec: Target, mark: str, lines: AsyncIterator[bytes], size: int) -> str:
        """Store a file of calls of so many bytes, which are sent as they come; its name at the provider."""
        form = aiohttp.MultipartWriter("form-data")
        form.append("batch").set_content_disposition("form-data", name="purpose")
        file = form.append_payload(_Lines(lines, size))
        file.set_content_disposition("form-data", name="file", filename=_file_of(mark))
        return _name(await self._said(spec, "POST", "files", data=form, timeout=_LONG))

    async def stored(self, spec: Target, mark: str) -> str | None:
        """The file of this mark, if it was stored."""
        for each in _listed(await self._said(spec, "GET", "files?purpose=batch")):
            if each.get("filename") == _file_of(mark):
                return _name(each)
        return None

    async def create(self, spec: Target, mark: str, file: str) -> Batch:
        """Have a file of calls answered."""
        asked = {
            "input_file_id": file,
            "endpoint": ENDPOINT,
            "completion_window": "24h",
            "metadata": {"stepwell": mark},
        }
        headers = {"Idempotency-Key": mark, "Content-Type": "application/json"}
        return _batch(await self._said(spec, "POST", "batches", data=orjson.dumps(asked), headers=headers))

    async def created(self, spec: Target, mark: str) -> Batch | None:
        """The batch of this mark, if it was created."""
        after = ""
        for _ in range(_PAGES):
            page = await self._said(spec, "GET", f"batches?limit=100{after}")
            listed = _listed(page)
            for each in listed:
                if isinstance(each.get("metadata"), dict) and each["metadata"].get("stepwell") == mark:
                    return _batch(each)
            if not page.get("has_more") or not listed:
                return None
            after = f"&after={_name(listed[-1])}"
        return None

    async def look(self, spec: Target, batch: str) -> Batch:
        """What became of it."""
        return _batch(await self._said(spec, "GET", f"batches/{batch}"))

    async def cancel(self, spec: Target, batch: str) -> None:
        """Nobody waits for it any more."""
        await self._said(spec, "POST", f"batches/{batch}/cancel")

    async def delete(self, spec: Target, file: str) -> None:
        """Let nothing of it stay at the provider. One that is gone already is no error."""
        try:
            await self._said(spec, "DELETE", f"files/{file}")
        except Refused as error:
            if error.status != 404:
                raise

    async def results(self, spec: Target, file: str) -> AsyncIterator[bytes]:
        """The lines of a file of answers, one by one."""
        rest = b""
        try:
            async with self._request(spec, "GET", f"files/{file}/content", timeout=_LONG) as response:
                _check(response)
                async for chunk in response.content.iter_any():
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        yield line
                    if len(rest) > LARGEST_ANSWER:
                        raise Unclear("a line that is too large")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unclear(type(error).__name__) from None
        if rest:
            yield rest

    # ------------------------------------------------------------ over the wire

    async def _said(self, spec: Target, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            async with self._request(spec, method, path, **more) as response:
                _check(response)
                body = await response.content.read(_LARGEST)
                while not response.content.at_eof() and len(body) < _LARGEST:
                    body += await response.content.read(_LARGEST - len(body))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unclear(type(error).__name__) from None
        try:
            said = orjson.loads(body)
        except ValueError:
            raise Unclear("no JSON") from None
        if not isinstance(said, dict):
            raise Unclear("no object")
        return said

    def _request(self, spec: Target, method: str, path: str, **more: Any) -> Any:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=8)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        headers = {"User-Agent": "stepwell", **more.pop("headers", {})}
        if spec.api_key:
            headers["Authorization"] = f"Bearer {spec.api_key}"
        page, _, asks = path.partition("?")
        url = below(spec.endpoint, page)
        if asks:
            url = url.update_query(asks)
        more.setdefault("timeout", _TIMES)
        return self._session.request(method, url, headers=headers, allow_redirects=False, **more)


def _check(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status >= 500 or status in (408, 409, 425, 429):
        raise Unclear(f"HTTP {status}")
    if status not in (200, 201):
        raise Refused(status)


def _file_of(mark: str) -> str:
    return f"stepwell-{mark}.jsonl"


def _listed(page: dict[str, Any]) -> list[dict[str, Any]]:
    found = page.get("data")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unclear("no list")
    return found


def _name(said: dict[str, Any]) -> str:
    """What the provider calls it, as far as that can stand in an address."""
    name = said.get("id")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Unclear("no name")
    return name


def _batch(said: dict[str, Any]) -> Batch:
    named = (said.get("output_file_id"), said.get("error_file_id"))
    outputs = tuple(name for name in named if isinstance(name, str) and _NAME.fullmatch(name) is not None)
    return Batch(_name(said), str(said.get("status")), outputs)
