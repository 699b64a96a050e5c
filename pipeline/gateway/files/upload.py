"""A file on its way in: read piece by piece and handed on, so that its size costs no memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.multipart import MultipartReader

from pipeline.batch.engine import Engine
from pipeline.batch.model import FileInfo
from pipeline.errors import InvalidRequest, UnsupportedParameter

__all__ = ["receive"]

PURPOSE: Final = "batch"
_PIECE: Final = 262_144
_WORD: Final = 256
"""Bytes of a field that is no file."""
_FIELDS: Final = 8
MAX_NAME: Final = 200


@dataclass
class _Form:
    purpose: str | None = None
    info: FileInfo | None = None


async def receive(
    request: web.Request, engine: Engine, tenant: str, *, file_id: str | None, piece_s: float, largest: int
) -> FileInfo:
    """Read a form with `file` and `purpose`, in either order, and store the file.

    Args:
        request: what was posted.
        engine: stores.
        tenant: whose file it is.
        file_id: the id it gets; None: a new one.
        piece_s: seconds for one piece to arrive.
        largest: bytes that a file may have.

    Raises:
        InvalidRequest: it is no such form, or breaks off.
        UnsupportedParameter: another purpose, or a field that means nothing here.
        RequestTooLarge: the file is too large; nothing of it stays.
    """
    if request.content_type != "multipart/form-data":
        raise InvalidRequest("send the file as multipart/form-data with the fields purpose and file", param="file")
    form = _Form()
    try:
        parts = await request.multipart()
        for _ in range(_FIELDS):
            part = await _next(parts, piece_s)
            if part is None:
                break
            await _take(part, form, engine, tenant, file_id, piece_s, largest)
        return _whole(form)
    except (ValueError, AssertionError, HttpProcessingError, web.RequestPayloadError) as error:
        await _drop(form, engine, tenant, keep=file_id is not None)
        raise InvalidRequest("the form broke off or cannot be read", param="file") from error
    except (InvalidRequest, TimeoutError) as error:
        await _drop(form, engine, tenant, keep=file_id is not None)
        if isinstance(error, TimeoutError):
            raise web.HTTPRequestTimeout(text=f"no piece of the file arrived within {piece_s:g} s") from None
        raise


async def _take(
    part: BodyPartReader,
    form: _Form,
    engine: Engine,
    tenant: str,
    file_id: str | None,
    piece_s: float,
    largest: int,
) -> None:
    if part.name == "purpose":
        form.purpose = await _word(part, piece_s)
        _check(form.purpose)
    elif part.name == "file" and form.info is None:
        name = (part.filename or "")[:MAX_NAME]
        pieces = _pieces(part, piece_s)
        form.info = await engine.put_file(tenant, pieces, name=name, purpose=PURPOSE, file_id=file_id, limit=largest)
    else:
        named = part.name if part.name and part.name.isidentifier() else "a field"
        raise UnsupportedParameter(f"{named} is not supported: send purpose and one file", param=named)


def _check(purpose: str) -> None:
    if purpose != PURPOSE:
        raise UnsupportedParameter(f"purpose: only {PURPOSE} is served here", param="purpose")


def _whole(form: _Form) -> FileInfo:
    if form.info is None:
        raise InvalidRequest("file is missing: send it as a field of the form", param="file")
    if form.purpose is None:
        raise InvalidRequest(f"purpose is missing: say {PURPOSE}", param="purpose")
    return form.info


async def _drop(form: _Form, engine: Engine, tenant: str, *, keep: bool) -> None:
    """Leave nothing of a form that was refused; but a file under a given id may be that of an earlier, whole one."""
    if form.info is not None and not keep:
        await engine.delete_file(tenant, form.info.id)


async def _next(parts: MultipartReader, piece_s: float) -> BodyPartReader | None:
    async with asyncio.timeout(piece_s):
        part = await parts.next()
    if part is not None and not isinstance(part, BodyPartReader):
        raise InvalidRequest("a form inside the form cannot be read", param="file")
    return part


async def _word(part: BodyPartReader, piece_s: float) -> str:
    said = b""
    async for piece in _pieces(part, piece_s):
        said += piece
        if len(said) > _WORD:
            raise InvalidRequest(f"{part.name} is longer than {_WORD} bytes", param=part.name)
    return said.decode("utf-8", "replace")


async def _pieces(part: BodyPartReader, piece_s: float) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(piece_s):
            piece = await part.read_chunk(_PIECE)
        if not piece:
            return
        yield piece
