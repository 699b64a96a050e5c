"""TLS at the door: a certificate and its key, read again when the files change, for connections that come after."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

from pipeline.errors import SetupError

__all__ = ["Tls"]

_log = logging.getLogger("stepwell.tls")

LOOK_S: Final = 2.0


class Tls:
    """A context whose certificate is exchanged while the door is open; connections that are there stay.

    Args:
        certificate: PEM, with the chain.
        key: PEM, without a passphrase.
    """

    def __init__(self, certificate: Path, key: Path, *, look_s: float = LOOK_S) -> None:
        self._files = (certificate, key)
        self._look_s = look_s
        self._seen = self._state()
        try:
            self.context = self._loaded(_context())
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                f"certificate {certificate} with key {key} cannot be used ({_why(error)}): give a PEM certificate with "
                "its chain, and the key that belongs to it, without a passphrase"
            ) from None

    async def follow(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            state = self._state()
            if state != self._seen:
                self._seen = state
                self._exchange()

    def _exchange(self) -> None:
        """Tried beside the one in use first: half of a pair that is being written does no harm."""
        try:
            self._loaded(_context())
            self._loaded(self.context)
        except (OSError, ssl.SSLError) as error:
            _log.warning("the new certificate cannot be used (%s): the old one stays", _why(error))
        else:
            _log.info("the certificate was exchanged")

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        certificate, key = self._files
        context.load_cert_chain(certificate, key, password=_no_passphrase)
        return context

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_state_of, self._files))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_passphrase() -> str:
    """Asked for only where the key has one; a door cannot type it."""
    raise ssl.SSLError("the key has a passphrase")


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return getattr(error, "reason", None) or str(error.args[0] if error.args else "no PEM")
    return getattr(error, "strerror", None) or type(error).__name__
