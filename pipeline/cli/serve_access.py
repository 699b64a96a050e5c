"""Who may call the door that `stepwell serve` opens: what it is told, and what follows from where it listens."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.keys import KeyBook, KeyStore
from pipeline.cli.show import Misused
from pipeline.errors import SetupError
from pipeline.gateway.access import Access, EitherAccess, KeyAccess, OpenAccess, Quotas
from pipeline.gateway.keys import key_ids
from pipeline.ports import Link
from pipeline.settings import Settings

__all__ = ["Mode", "Terms", "entrance", "is_here"]

_log = logging.getLogger("stepwell.access")

Mode = Literal["open", "keys", "jwt", "keys+jwt"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the door is told: a mode, or None to find one, and the file of issuers."""

    mode: Mode | None = None
    trust: Path | None = None


@asynccontextmanager
async def entrance(terms: Terms, host: str, link: Link, settings: Settings) -> AsyncIterator[Access]:
    """Who may call, while the door is open.

    Raises:
        SetupError: nobody said who may call, and the network could.
        PolicyInvalid: the file of issuers is wrong.
    """
    mode = await _mode(terms, host, link)
    if mode == "open":
        if not is_here(host):
            _log.warning("the door at %s takes everybody who reaches it, as whatever tenant they say", host)
        yield OpenAccess(key_ids(settings.secret))
        return
    tokens = _tokens(terms) if "jwt" in mode else None
    if "keys" not in mode:
        assert tokens is not None
        yield tokens
        return
    clock = SystemClock()
    book, quotas = KeyBook(link.bucket("keys"), clock), Quotas(settings.valkey_url)
    await book.start()
    try:
        keys = KeyAccess(book, clock, quotas)
        yield keys if tokens is None else EitherAccess(keys, tokens)
    finally:
        await book.stop()
        await quotas.close()


async def _mode(terms: Terms, host: str, link: Link) -> Mode:
    if terms.mode is not None:
        if "jwt" in terms.mode and terms.trust is None:
            raise Misused(f"--access {terms.mode} needs --access-file, which says whose tokens are believed")
        return terms.mode
    if terms.trust is not None:
        return "keys+jwt"
    if is_here(host):
        return "open"
    if await KeyStore(link.bucket("keys")).any():
        return "keys"
    raise SetupError(
        f"this door would listen at {host or 'every address'}, where the network reaches it, and there is no key: make "
        "one with `stepwell keys create`, or say --access open if everybody who reaches it may call"
    )


def _tokens(terms: Terms) -> Access:
    from pipeline.gateway.access.tokens import TokenAccess
    from pipeline.gateway.access.trust import read_trust

    assert terms.trust is not None
    path = terms.trust.resolve()
    return TokenAccess(read_trust(path), path.parent, SystemClock())


def is_here(host: str) -> bool:
    """Whether only programs of this machine reach such an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
