"""The file of a batch, as it lies here: read through, and stored in pieces."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from pipeline.batch import Engine, FileInfo, Hours, Options
from pipeline.batch.feed import refuse_never
from pipeline.batch.lines import Reader, Survey, survey
from pipeline.cli.batch_text import bar
from pipeline.cli.show import Misused
from pipeline.contracts import is_name
from pipeline.errors import InvalidRequest
from pipeline.gateway.lines import translate_any

__all__ = ["Given", "Local", "look_through", "moment", "seconds", "upload"]

CHUNK: Final = 1_048_576
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were typed."""

    tenant: str
    route: str | None = None
    origin: str | None = None
    skip_invalid: bool = False
    dedup: bool = True
    within: str = "24h"
    not_before: str | None = None
    window: str | None = None
    timezone: str | None = None

    def options(self, now: datetime) -> Options:
        """What they mean.

        Raises:
            Misused: one of them means nothing.
        """
        if not is_name(self.tenant):
            raise Misused("--tenant: 1 to 64 letters, digits, - or _", param="tenant")
        defaults = {"route": self.route, "origin": self.origin}
        begin = None if self.not_before is None else moment(self.not_before, now, self.timezone).timestamp()
        try:
            options = Options(
                skip_invalid=self.skip_invalid,
                dedup=self.dedup,
                window_s=seconds(self.within, "--within"),
                not_before=begin,
                hours=_hours(self.window, self.timezone),
                defaults={name: value for name, value in defaults.items() if value is not None},
            )
            refuse_never(options, now.timestamp())
        except InvalidRequest as error:
            raise Misused(f"--window: {error.message}", param="window") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            raise Misused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return options


@dataclass(frozen=True, slots=True)
class Local:
    """A file that was read through."""

    path: Path
    digest: str
    found: Survey
    given: Given
    options: Options


def seconds(text: str, option: str) -> float:
    """A span such as 90m, 24h or 7d."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise Misused(f"{option}: a number and one of s, m, h, d, such as 24h")
    return float(int(found[1]) * _UNITS[found[2]])


def moment(text: str, now: datetime, timezone: str | None) -> datetime:
    """A time: a date with a clock time, the next such clock time, or a span from now on."""
    if text.startswith("+"):
        return now + timedelta(seconds=seconds(text[1:], "--not-before"))
    zone = _zone(timezone) if timezone is not None else now.tzinfo
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text):
            hour, minute = (int(part) for part in text.split(":"))
            found = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
            return found if found > now else found + timedelta(days=1)
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Misused("--not-before: give 2026-01-31T22:00, 22:00 or +2h") from None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Misused("--timezone: no such timezone: give one of the IANA list, such as Europe/Berlin") from None


def _hours(window: str | None, timezone: str | None) -> Hours | None:
    if window is None:
        return None
    start, _, end = window.partition("-")
    if timezone is not None:
        _zone(timezone)
    try:
        return Hours(start=start, end=end, timezone=timezone or "UTC")
    except ValidationError:
        raise Misused("--window: two times of the day, such as 22:00-06:00") from None


async def look_through(path: Path, given: Given, *, quiet: bool) -> Local:
    """Read every line, before anything is sent."""
    options = given.options(datetime.now().astimezone())
    reader = Reader(given.tenant, translate_any, options.defaults)
    digest = hashlib.sha256()
    with bar(quiet=quiet, ends=False) as progress:
        task = progress.add_task("reading", total=_size(path))
        try:
            chunks = _chunks(path, digest.update, lambda size: progress.advance(task, size))
            found = await survey(chunks, reader)
        finally:
            reader.close()
    return Local(path, digest.hexdigest(), found, given, options)


async def upload(engine: Engine, local: Local, *, quiet: bool) -> FileInfo:
    """Store the file, unless it is stored already."""
    with bar(quiet=quiet, ends=False) as progress:
        task = progress.add_task("handing in", total=_size(local.path))
        chunks = _chunks(local.path, lambda _: None, lambda size: progress.advance(task, size))
        return await engine.put_file(
            local.given.tenant, chunks, name=local.path.name, file_id=f"file-{local.digest[:32]}"
        )


def _size(path: Path) -> int:
    return path.stat().st_size


async def _chunks(path: Path, digest: Callable[[bytes], object], tick: Callable[[int], object]) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest(chunk)
            tick(len(chunk))
            yield chunk
