"""What is kept of a key: whose it is, what its holder may, how much, how long, and digests of its secrets."""

from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pipeline.contracts import Lane, Name, Tenant

__all__ = ["LANES", "SCOPES", "KeyLimits", "KeyRecord", "KeySecret", "Scope", "Standing"]

Scope = Literal["chat", "embeddings", "models", "files", "batches", "outcomes", "audit"]
"""What an endpoint is for, as keys name it."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
LANES: Final[tuple[Lane, ...]] = get_args(Lane)
Standing = Literal["active", "expired", "revoked"]
_SECRETS: Final = 4


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class KeySecret(_Kept):
    """One secret of a key. `until`: after a rotation, how long the older one is still taken (Unix seconds)."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    made_at: float
    until: float | None = None


class KeyLimits(_Kept):
    """How much at most: requests and tokens in any sixty seconds, and requests at a time at one process of the door."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    concurrent: int | None = Field(default=None, ge=1)


class KeyRecord(_Kept):
    """A key as the bucket `keys` holds it.

    Attributes:
        id: its public id.
        name: what people call it.
        tenants: whose requests it may bring; the first where its holder names none.
        scopes: endpoints.
        routes: names of routes and variants; None: all that the tenant has.
        lanes: `interactive`, `batch`.
        limits: how much.
        created_at: Unix seconds, as all times here.
        expires_at: from when it is taken no longer.
        revoked_at: since when it is taken no longer.
        secrets: the newest first.
    """

    id: Name
    name: str = Field(min_length=1, max_length=128)
    tenants: tuple[Tenant, ...] = Field(min_length=1, max_length=256)
    scopes: tuple[Scope, ...] = SCOPES
    routes: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=256)
    lanes: tuple[Lane, ...] = LANES
    limits: KeyLimits = KeyLimits()
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    secrets: tuple[KeySecret, ...] = Field(min_length=1, max_length=_SECRETS)

    def standing(self, now: float) -> Standing:
        """Whether it is taken at this time."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"

    def with_secret(self, digest: str, now: float, until: float) -> "KeyRecord":
        """The key after a rotation: a new secret, and the older ones for no longer than `until`."""
        kept = [KeySecret(digest=digest, made_at=now)]
        for secret in self.secrets:
            ends = until if secret.until is None else min(until, secret.until)
            if ends > now:
                kept.append(secret.model_copy(update={"until": ends}))
        return self.model_copy(update={"secrets": tuple(kept[:_SECRETS])})
