"""Where the embedded default keeps its things: one folder of the user's, and nothing outside of it."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder and the places in it."""

    root: Path

    @property
    def models(self) -> Path:
        """Verified weights."""
        return self.root / "models"

    @property
    def parts(self) -> Path:
        """Pieces of weights that are still being fetched; kept when a pull is interrupted."""
        return self.root / "models" / "parts"

    @property
    def nats(self) -> Path:
        """nats-server's configuration and its streams."""
        return self.root / "nats"

    @property
    def valkey(self) -> Path:
        """Valkey's configuration. The cache itself lives in memory."""
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        """One file for each part."""
        return self.root / "logs"

    @property
    def state(self) -> Path:
        """Which processes run."""
        return self.root / "run.json"

    def prepare(self) -> None:
        """Make the folders, readable by their owner alone."""
        for folder in (self.root, self.models, self.nats, self.valkey, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def secret(self) -> str:
        """The key of the MACs, 32 random bytes as hex; made at the first call, kept in `secret` with mode 0600."""
        path = self.root / "secret"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            value = secrets.token_hex(32)
            file.write(value + "\n")
        return value
