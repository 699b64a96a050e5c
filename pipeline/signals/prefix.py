"""Keyed digests: of whose assignment a request is, and of how its prompt begins.

A server keeps what it computed for the beginning of a prompt, block by block. Requests that begin alike should go where
that beginning is known; so the plan sees digests of the first 256, 512, 1,024 … bytes. They are keyed with a secret and
belong to a tenant: who reads a record learns which prompts of one tenant begin alike, and not how they begin.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Final

import orjson

from pipeline.contracts import Message, Request

__all__ = ["BLOCKS", "draw_of", "key_of", "prefix_digests", "scope_digest", "sticky_key"]

BLOCKS: Final = tuple(256 << step for step in range(6))
"""Bytes after which there is a digest: 256 to 8,192. What begins alike for longer is one conversation."""
_SIZE: Final = 8
_FIELD: Final = b"\x1f"
_ENTRY: Final = b"\x1e"


@lru_cache(maxsize=8)
def key_of(secret: bytes) -> bytes:
    """The key of all digests here, derived from the secret of the MACs."""
    return blake2b(secret, digest_size=32, person=b"stepwell signals").digest()


def sticky_key(request: Request, request_id: str, key: bytes) -> str:
    """Whose assignment it is: the session's, so that a conversation keeps its voice; else the user's; else its own."""
    if request.session:
        kind, name = b"session", request.session
    elif request.user:
        kind, name = b"user", request.user
    else:
        kind, name = b"request", request_id
    return _digest(key, request.tenant.encode(), kind, _bytes(name))


def scope_digest(tenant: str, kind: str, value: str, key: bytes) -> str:
    """A value that budgets count by (a user, a key, a tag), as what a counter may be called."""
    return _digest(key, tenant.encode(), b"scope", kind.encode(), _bytes(value))


def draw_of(request_id: str, key: bytes) -> float:
    """A number from 0 to below 1 that follows from the id of a request and looks like chance."""
    digest = blake2b(_bytes(request_id), digest_size=_SIZE, key=key, person=b"stepwell draw").digest()
    return (int.from_bytes(digest) >> 11) / (1 << 53)


def prefix_digests(request: Request, key: bytes) -> tuple[str, ...]:
    """Digests of the beginning of the prompt, from short to long; none where it is shorter than the first block.

    The prompt is read in the order in which servers lay it out: tools, then the messages with their roles. Two requests
    of a tenant have the n-th digest in common exactly when the first `BLOCKS[n]` bytes of it are equal.
    """
    prompt = _beginning(request)
    if len(prompt) < BLOCKS[0]:
        return ()
    # A key before the text and a digest cut short: SHA-256 is the quickest here, and half of it cannot be extended.
    running = sha256(key + _bytes(request.tenant) + _ENTRY)
    digests: list[str] = []
    done = 0
    for block in BLOCKS:
        if len(prompt) < block:
            break
        running.update(prompt[done:block])
        digests.append(running.hexdigest()[: 2 * _SIZE])
        done = block
    return tuple(digests)


def _beginning(request: Request) -> bytes:
    """As much of the prompt as is looked at, or a little more."""
    if not request.tools and request.input is None and (plain := _plain_beginning(request.messages)) is not None:
        return plain
    pieces: list[bytes] = []
    left = BLOCKS[-1]
    for piece in _prompt(request):
        pieces.append(piece)
        left -= len(piece)
        if left <= 0:
            break
    return b"".join(pieces)


def _plain_beginning(messages: Iterable[Message]) -> bytes | None:
    """The same of messages that are nothing but text, which most are: put together first and encoded at once."""
    pieces: list[str] = []
    left = BLOCKS[-1]
    for message in messages:
        content = message.content
        if not isinstance(content, str) or message.tool_calls:
            return None
        pieces.append(f"{message.role}\x1f{content if len(content) <= left else content[:left]}\x1e")
        left -= len(content)
        if left <= 0:
            break
    return _bytes("".join(pieces))


_ROLES: Final = {role: role.encode() + _FIELD for role in ("system", "developer", "user", "assistant", "tool")}


def _prompt(request: Request) -> Iterator[bytes]:
    if request.tools:
        yield b"tools" + _FIELD + orjson.dumps(request.tools) + _ENTRY
    if request.input is not None:
        yield b"user" + _FIELD + _bytes(request.input) + _ENTRY
    for message in request.messages:
        yield _ROLES[message.role] + _content(message) + _ENTRY


def _content(message: Message) -> bytes:
    content = message.content
    if isinstance(content, str):
        said = _bytes(content)
    else:
        said = _FIELD.join(_part(part.model_dump()) for part in content or ())
    if not message.tool_calls:
        return said
    return said + _FIELD + orjson.dumps([call.function for call in message.tool_calls])


def _part(part: dict[str, object]) -> bytes:
    return _bytes(str(part["text"])) if "text" in part else orjson.dumps(part)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _digest(key: bytes, *fields: bytes) -> str:
    return blake2b(_ENTRY.join(fields), digest_size=_SIZE * 2, key=key).hexdigest()
