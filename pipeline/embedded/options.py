"""What a user may choose about the embedded default, and what follows from it: addresses and variables."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import TypeAdapter

from pipeline.embedded.home import Home
from pipeline.errors import PartMissing

__all__ = ["ModelChoice", "Models", "Options", "Ports", "default_policies"]

Models = Literal["local", "scripted", "none"]
"""`local`: real weights on this machine. `scripted`: a server that follows a script. `none`: no server is started."""

SCRIPTED_SMALL = "scripted-small"
SCRIPTED_LARGE = "scripted-large"


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of 127.0.0.1 that the parts listen on."""

    nats: int = 4222
    monitor: int = 8222
    valkey: int = 6379
    scripted: int = 18100
    small: int = 18101
    large: int = 18102
    door: int = 8080

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `nats=4300,door=9000`; what is not named keeps its default.

        Raises:
            ValueError: an unknown name or no port number; the message is one sentence.
        """
        chosen = {}
        for pair in filter(None, text.split(",")):
            name, _, value = pair.partition("=")
            if name.strip() not in {field.name for field in fields(cls)}:
                names = ", ".join(field.name for field in fields(cls))
                raise ValueError(f"there is no port called {name.strip()!r}; the ports are {names}")
            if not value.strip().isdigit() or not 0 < int(value) < 65536:
                raise ValueError(f"{name.strip()} needs a port from 1 to 65535, not {value.strip()!r}")
            chosen[name.strip()] = int(value)
        return replace(cls(), **chosen)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Who serves one of the two models: a URL (OpenAI shape), a GGUF file, or the catalogue when both are None."""

    url: str | None = None
    gguf: Path | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Everything `stepwell up` can be told."""

    home: Path
    policies: Path
    models: Models = "local"
    workers: int = 1
    split: bool = False
    ports: Ports = Ports()
    small: ModelChoice = ModelChoice()
    large: ModelChoice = ModelChoice()

    def to_json(self) -> str:
        """JSON text, for handing to a detached process."""
        return _ADAPTER.dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> "Options":
        """The opposite of `to_json`."""
        return _ADAPTER.validate_json(text)

    def small_url(self) -> str:
        """Where the small model answers."""
        return self.small.url or _local(self.ports.scripted if self.models == "scripted" else self.ports.small)

    def large_url(self) -> str:
        """Where the large model answers."""
        return self.large.url or _local(self.ports.scripted if self.models == "scripted" else self.ports.large)

    def environment(self, present: Mapping[str, str]) -> dict[str, str]:
        """The variables that every child gets on top of `present`."""
        own = {
            "STEPWELL_HOME": str(self.home),
            "STEPWELL_POLICIES": str(self.policies.resolve()),
            "STEPWELL_SECRET": Home(self.home).secret(),
            "STEPWELL_NATS": f"nats://127.0.0.1:{self.ports.nats}",
            "STEPWELL_VALKEY": f"redis://127.0.0.1:{self.ports.valkey}/0",
            "STEPWELL_SMALL_URL": self.small_url(),
            "STEPWELL_LARGE_URL": self.large_url(),
            "STEPWELL_US_URL": present.get("STEPWELL_US_URL", self.large_url()),
        }
        return {**present, **own, **self._model_names()}

    def _model_names(self) -> dict[str, str]:
        scripted = self.models == "scripted"
        names = {
            "STEPWELL_SMALL_MODEL": self.small.model or (SCRIPTED_SMALL if scripted and not self.small.url else None),
            "STEPWELL_LARGE_MODEL": self.large.model or (SCRIPTED_LARGE if scripted and not self.large.url else None),
        }
        return {key: name for key, name in names.items() if name is not None}


def default_policies() -> Path:
    """`policies` of the present folder, else the set that ships with the program.

    Raises:
        PartMissing: there is neither.
    """
    for folder in (
        Path("policies"),
        Path(str(files("pipeline"))) / "_policies",
        Path(str(files("pipeline"))).parent / "policies",
    ):
        if folder.is_dir():
            return folder.resolve()
    raise PartMissing("no policies were found; give a folder with --policies DIR")


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1"


_ADAPTER: Final = TypeAdapter(Options)
