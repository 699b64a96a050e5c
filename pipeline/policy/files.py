"""Where the files of a policy set come from: a folder, or bytes in memory such as a revision that was kept."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from pipeline.errors import PolicyInvalid
from pipeline.policy.text import MAX_BYTES

__all__ = ["MAX_FILES", "SUFFIXES", "BundleFiles", "Files", "FolderFiles", "Unreadable", "is_policy_file"]

MAX_FILES: Final = 64
SUFFIXES: Final = frozenset({".yaml", ".yml"})
_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}")
_LONGEST: Final = 512
_LOOKED_AT: Final = 256
_DEEPEST: Final = 4
_HEAD: Final = 4096
_OURS: Final = re.compile(rb"^apiVersion:\s*[\"']?stepwell/", re.MULTILINE)


class Unreadable(Exception):
    """An attached file that cannot be read; says why, as the rest of a sentence that begins with its path."""


class Files(Protocol):
    """The files of one policy set."""

    @property
    def name(self) -> str:
        """What the set is called in problems that belong to no file."""
        ...

    def policies(self) -> Mapping[str, bytes]:
        """The policy files at the top, in the order of their names. Raises `PolicyInvalid` where there is none."""
        ...

    def attached(self, path: str, at_most: int) -> bytes:
        """A file that a policy file names. Raises `Unreadable`."""
        ...

    def shown(self, path: str) -> str:
        """How a file is called in problems."""
        ...

    def below(self) -> tuple[str, ...]:
        """Policies that stand below the top, where nobody reads them, by their paths."""
        ...


class FolderFiles:
    """A folder, as it is when it is read."""

    def __init__(self, path: Path) -> None:
        """Read from this folder."""
        self._path = path

    @property
    def name(self) -> str:
        """The path of the folder."""
        return str(self._path)

    def shown(self, path: str) -> str:
        """The path as one can open it."""
        return str(self._path / path)

    def policies(self) -> Mapping[str, bytes]:
        """Every `*.yaml` in the folder, not below it. A huge file is not read to its end.

        What has such a name and cannot be read is no policy that is absent: it may hold a rule that denies.
        """
        if not self._path.is_dir():
            raise PolicyInvalid(
                f"{self._path}: there is no such folder; name one with policy files, or set {_VARIABLE}"
            )
        try:
            entries = sorted(entry for entry in self._path.iterdir() if _meant(entry.name))
            if unread := [f"{entry}: {why}" for entry in entries if (why := _unreadable(entry)) is not None]:
                raise PolicyInvalid("\n".join(unread))
            names = [entry.name for entry in entries]
            return {name: _start_of(self._path / name, MAX_BYTES) for name in _some(names, self.name)}
        except OSError as error:
            where = error.filename or self._path
            raise PolicyInvalid(f"{where}: the file cannot be read: {error.strerror}") from None

    def below(self) -> tuple[str, ...]:
        """Those of the first files below the folder; hidden folders are left out."""
        return tuple(path for path in islice(_files_below(self._path), _LOOKED_AT) if _is_policy(self._path / path))

    def attached(self, path: str, at_most: int) -> bytes:
        """A file in the folder or below it. Links may lead within the folder, and not out of it."""
        file = self._path / _safe(path)
        try:
            if not file.resolve().is_relative_to(self._path.resolve()):
                raise Unreadable("leads out of the policy folder; put the file there")
            if not file.is_file():
                raise Unreadable(f"is no file in the policy folder {self._path}")
            return _bounded(_start_of(file, at_most), at_most)
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from None


class BundleFiles:
    """Files in memory, by their path in the folder they came from."""

    def __init__(self, files: Mapping[str, bytes], name: str = "") -> None:
        """Read from these; `name` stands before each in problems."""
        self._files = files
        self._name = name

    @property
    def name(self) -> str:
        """The name of the set."""
        return self._name or "the policy set"

    def shown(self, path: str) -> str:
        """The path, below the name of the set."""
        return f"{self._name}/{path}" if self._name else path

    def policies(self) -> Mapping[str, bytes]:
        """Every `*.yaml` at the top."""
        names = sorted(path for path in self._files if is_policy_file(path))
        return {name: self._files[name][: MAX_BYTES + 1] for name in _some(names, self.name)}

    def below(self) -> tuple[str, ...]:
        """None: only what is named came along."""
        return ()

    def attached(self, path: str, at_most: int) -> bytes:
        """One of the files."""
        found = self._files.get(_safe(path))
        if found is None:
            raise Unreadable("is not among the files of the set")
        return _bounded(found, at_most)


_VARIABLE: Final = "STEPWELL_POLICIES"


def is_policy_file(path: str) -> bool:
    """Whether a file of this path in a folder is read as a policy."""
    return "/" not in path and PurePosixPath(path).suffix in SUFFIXES


def _meant(name: str) -> bool:
    """Whether somebody who calls a file so means it for a policy. `.#…` is the lock of an editor, and leads nowhere."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not name.startswith(".#")


def _unreadable(entry: Path) -> str | None:
    """Why a policy file that is there is none that can be read."""
    if not is_policy_file(entry.name):
        return f"is not read, since its ending is not in small letters; call it {entry.stem}{entry.suffix.lower()}"
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        led = "the link leads nowhere" if entry.is_symlink() else "the file cannot be read"
        return f"{led}: {error.strerror}; mend it, or take it away"
    if stat.S_ISREG(mode):
        return None
    what = "a folder" if stat.S_ISDIR(mode) else "no file, but a pipe or a device"
    return f"this is {what}; a policy is a regular file: put one there, or call this otherwise"


def _files_below(folder: Path) -> Iterator[str]:
    """Files in folders below this one, which are not hidden, and have a policy's ending; by their paths."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(place).relative_to(folder)
        if len(here.parts) >= _DEEPEST:
            folders.clear()
        if here.parts:
            yield from (str(here / name) for name in sorted(names) if _meant(name))


def _is_policy(file: Path) -> bool:
    """Whether it says of itself that it is one of ours."""
    try:
        return file.is_file() and _OURS.search(_start_of(file, _HEAD)) is not None
    except OSError:
        return False


def _some(names: list[str], where: str) -> list[str]:
    if not names:
        raise PolicyInvalid(f"{where}: there is no policy file (*.yaml) in this folder")
    if len(names) > MAX_FILES:
        raise PolicyInvalid(f"{where}: there are more than {MAX_FILES} policy files; join some")
    return names


def _safe(path: str) -> str:
    """A path that cannot lead out of the folder, written in one way only."""
    if len(path) > _LONGEST or not all(_PART.fullmatch(part) for part in path.split("/")):
        raise Unreadable(
            "is no path inside the policy folder; write one such as prompts/labels.txt, without '..', of letters, "
            "digits, '.', '_' and '-'"
        )
    return path


def _start_of(file: Path, at_most: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(at_most + 1)


def _bounded(body: bytes, at_most: int) -> bytes:
    if len(body) > at_most:
        raise Unreadable(f"is larger than {at_most} bytes")
    return body
