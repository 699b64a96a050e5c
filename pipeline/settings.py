"""Where the parts are: addresses, folders and secrets, from the environment. What owners decide is policy."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The surroundings of one process.

    Attributes:
        nats_url: address of nats-server (`STEPWELL_NATS`).
        nats_user: user name for it (`STEPWELL_NATS_USER`), None without.
        nats_password: password for it (`STEPWELL_NATS_PASSWORD`).
        valkey_url: address of Valkey or Redis (`STEPWELL_VALKEY`); None: no shared cache.
        policies: folder of policy files (`STEPWELL_POLICIES`).
        home: data folder of the embedded default (`STEPWELL_HOME`).
        secret: key of the MACs over cache keys and references, and of pseudonyms (`STEPWELL_SECRET`).
        otlp_endpoint: where traces go (`OTEL_EXPORTER_OTLP_ENDPOINT`); None: nowhere.
        vault_keys: keys of the vault of pseudonyms, `id:base64,id2:base64` (`STEPWELL_VAULT_KEYS`): the first encrypts,
            all decrypt; None: one derived from `secret`.
        max_body: bytes of a request at most (`STEPWELL_MAX_BODY`); what exceeds a message of NATS lies in a bucket.
        otlp_ratio: share of the requests that are traced when their caller does not say (`OTEL_TRACES_SAMPLER_ARG`).
    """

    nats_url: str
    nats_user: str | None
    nats_password: str | None
    valkey_url: str | None
    policies: Path
    home: Path
    secret: bytes = field(repr=False)
    otlp_endpoint: str | None
    otlp_ratio: float = 1.0
    max_body: int = 33_554_432
    vault_keys: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables; what is not set has the value of a laptop with `stepwell up`."""
        env = os.environ if environment is None else environment
        home = Path(env.get("STEPWELL_HOME") or Path.home() / ".local" / "share" / "stepwell")
        return cls(
            nats_url=env.get("STEPWELL_NATS", "nats://127.0.0.1:4222"),
            nats_user=env.get("STEPWELL_NATS_USER"),
            nats_password=env.get("STEPWELL_NATS_PASSWORD"),
            valkey_url=env.get("STEPWELL_VALKEY", "redis://127.0.0.1:6379/0") or None,
            policies=Path(env.get("STEPWELL_POLICIES", "policies")),
            home=home,
            secret=env.get("STEPWELL_SECRET", "").encode(),
            otlp_endpoint=env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
            otlp_ratio=_share(env.get("OTEL_TRACES_SAMPLER_ARG") or "1"),
            max_body=_count(env.get("STEPWELL_MAX_BODY"), 33_554_432),
            vault_keys=env.get("STEPWELL_VAULT_KEYS") or None,
        )


def _share(text: str) -> float:
    """A number from 0 to 1; what is beyond counts as the nearer end, and what is no number as 1."""
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0


def _count(text: str | None, otherwise: int) -> int:
    """A positive whole number; what is none counts as not said."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) else otherwise
