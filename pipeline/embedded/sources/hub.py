"""Weights from the address where their makers publish them."""

from pathlib import Path

import aiohttp

from pipeline.embedded.catalogue import Model
from pipeline.embedded.sources.base import CHUNK, Report
from pipeline.errors import SourceUnreachable

__all__ = ["Hub"]


class Hub:
    """The address where the makers publish the file. An interrupted download goes on where it stopped."""

    def __init__(self, parts: Path, *, connect_s: float = 10.0, silence_s: float = 30.0) -> None:
        self.parts = parts
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=silence_s)

    name = "the model's own address"

    async def fetch(self, model: Model, target: Path, report: Report) -> None:
        """Download with HTTP Range; what is here of an earlier try is kept."""
        self.parts.mkdir(parents=True, exist_ok=True)
        partial = self.parts / f"{model.file}.partial"
        try:
            async with aiohttp.ClientSession(timeout=self._timeout, trust_env=True) as session:
                await _resume(session, model, partial, report)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise SourceUnreachable(f"{self.name} did not answer ({type(error).__name__})") from error
        partial.replace(target)


async def _resume(session: aiohttp.ClientSession, model: Model, partial: Path, report: Report) -> None:
    have = _size(partial)
    if have == model.size:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    async with session.get(model.url, headers=headers) as response:
        if response.status not in (200, 206):
            _forget(partial)
            raise SourceUnreachable(f"{Hub.name} answered {response.status}")
        # A server without Range answers 200 with the whole file: start over.
        done = have if response.status == 206 else 0
        with partial.open("ab" if done else "wb") as writer:
            async for piece in response.content.iter_chunked(CHUNK):
                done += len(piece)
                if done > model.size:
                    break
                writer.write(piece)
                report(done)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
