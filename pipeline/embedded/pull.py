"""Fetch the weights of a model: try each source in turn, check the file to the byte, and refuse anything else."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from pipeline.embedded.catalogue import Model
from pipeline.embedded.home import Home
from pipeline.embedded.sources import Folder, Hub, Registry, Source
from pipeline.errors import SourceUnreachable

__all__ = ["Progress", "Quiet", "present", "pull", "sha256_of", "sources_for"]

_CHUNK: Final = 1 << 22


class Progress(Protocol):
    """Who is told how a pull goes on."""

    def source(self, model: Model, name: str) -> None:
        """A source is tried."""
        ...

    def bytes(self, model: Model, done: int) -> None:
        """So many bytes of the model are here."""
        ...

    def passed_by(self, model: Model, reason: str) -> None:
        """A source did not have it, for this reason."""
        ...

    def checking(self, model: Model) -> None:
        """The file is here and its hash is computed."""
        ...


class Quiet:
    """Tells nobody."""

    def source(self, model: Model, name: str) -> None:
        """Nothing."""

    def bytes(self, model: Model, done: int) -> None:
        """Nothing."""

    def passed_by(self, model: Model, reason: str) -> None:
        """Nothing."""

    def checking(self, model: Model) -> None:
        """Nothing."""


def sources_for(home: Home, environment: Mapping[str, str] | None = None) -> tuple[Source, ...]:
    """The sources in the order they are tried: the user's folder (`STEPWELL_MODELS_FROM`), the registry, the hub."""
    env = os.environ if environment is None else environment
    folder = env.get("STEPWELL_MODELS_FROM")
    own: tuple[Source, ...] = (Folder(Path(folder)),) if folder else ()
    return (*own, Registry(home.parts), Hub(home.parts))


def present(model: Model, home: Home) -> Path | None:
    """The file, if it is here with the right size. Its hash was checked before it got its name."""
    path = home.models / model.file
    return path if path.is_file() and path.stat().st_size == model.size else None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, lower-case hex."""
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


async def pull(model: Model, home: Home, sources: Sequence[Source], progress: Progress) -> Path:
    """Have the verified file in `home/models`, from the first source that gives it.

    Raises:
        SourceUnreachable: none did; the message names each source and its reason.
    """
    if path := present(model, home):
        return path
    home.prepare()
    reasons = []
    for source in sources:
        progress.source(model, source.name)
        try:
            return await _pull_from(source, model, home, progress)
        except SourceUnreachable as error:
            progress.passed_by(model, error.message)
            reasons.append(error.message)
    raise SourceUnreachable(
        f"{model.name} could not be fetched: {'; '.join(reasons)}; put {model.file} into a folder and name it in"
        " STEPWELL_MODELS_FROM, or use --models scripted"
    )


async def _pull_from(source: Source, model: Model, home: Home, progress: Progress) -> Path:
    draft = home.models / f".{model.file}.new"
    try:
        await source.fetch(model, draft, _upwards(lambda done: progress.bytes(model, done), model.size))
        progress.checking(model)
        await asyncio.to_thread(_require, draft, model, source.name)
        return draft.replace(home.models / model.file)
    finally:
        draft.unlink(missing_ok=True)


def _require(path: Path, model: Model, source: str) -> None:
    size = path.stat().st_size
    if size != model.size:
        raise SourceUnreachable(f"{source} gave {size} bytes for {model.name} where {model.size} are pinned; refused")
    if sha256_of(path) != model.sha256:
        raise SourceUnreachable(f"{source} gave another file than the pinned one for {model.name}; refused")


def _upwards(report: Callable[[int], None], limit: int) -> Callable[[int], None]:
    """Pass on only what grows, and never more than the whole."""
    highest = -1

    def passed(done: int) -> None:
        nonlocal highest
        if min(done, limit) > highest:
            highest = min(done, limit)
            report(highest)

    return passed
