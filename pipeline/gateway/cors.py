"""Pages of other origins may call the door where its configuration names them; without any, nothing here is active.

A key in a page is a key that everybody has who opens it: this is for pages whose users come with tokens of their own.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from pipeline.errors import SetupError

__all__ = ["add_cors", "origins_of"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ANY: Final = "*"
_METHODS: Final = "GET, POST, DELETE"
_AGE_S: Final = "600"
_NAMES: Final = re.compile(r"[A-Za-z0-9-]{1,64}(?:\s*,\s*[A-Za-z0-9-]{1,64}){0,63}")


def origins_of(words: Sequence[str]) -> tuple[str, ...]:
    """The origins, as browsers write them: scheme, host and port. `*` is any.

    Raises:
        SetupError: one is no origin.
    """
    found = []
    for word in words:
        parts = urlsplit(word)
        whole = f"{parts.scheme}://{parts.netloc}".lower()
        if word != _ANY and (parts.scheme not in ("http", "https") or not parts.netloc or word.lower() != whole):
            raise SetupError(f"{word} is no origin: write it as https://app.example.org, without a path, or * for any")
        found.append(word if word == _ANY else whole)
    return tuple(dict.fromkeys(found))


def add_cors(app: web.Application, origins: Sequence[str]) -> None:
    """Let pages of these origins call; before the application is frozen."""
    if not origins:
        return
    known = frozenset(origins)

    def allowed(request: web.Request) -> str | None:
        origin = request.headers.get("origin")
        if origin is None:
            return None
        return _ANY if _ANY in known else origin if origin in known else None

    async def expose(request: web.Request, response: web.StreamResponse) -> None:
        origin = allowed(request)
        response.headers.add("Vary", "Origin")
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "*"

    @web.middleware
    async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return await handler(request)
        if allowed(request) is None:
            return await handler(request)
        asked = request.headers.get("access-control-request-headers", "")
        headers = {"Access-Control-Allow-Methods": _METHODS, "Access-Control-Max-Age": _AGE_S}
        if _NAMES.fullmatch(asked):
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(status=204, headers=headers)

    app.on_response_prepare.append(expose)
    app.middlewares.insert(0, preflight)
