"""A door for those with a key. Looked up in memory, so that a request waits for nothing, and compared in fixed time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Final, Protocol

from pipeline.contracts import Usage
from pipeline.errors import InvalidApiKey, PermissionDenied, TransportUnavailable
from pipeline.gateway.access.caller import Caller, Scope
from pipeline.gateway.access.credentials import credential
from pipeline.gateway.access.quotas import Quotas
from pipeline.keys import KeyLimits, KeyRecord, digest_of, public_part, well_formed
from pipeline.ports import Clock

__all__ = ["KeyAccess", "Keys"]

_NOBODY: Final = bytes(32)
_TENANT: Final = "x-stepwell-tenant"
_FOREIGN: Final = "no key of this door: one is `sk-sw-`, an id, and a secret"
_MISTYPED: Final = "the key is mistyped or cut off: its check does not fit"
_UNKNOWN: Final = "the key is not known: it was never made here, or has another secret by now"


class Keys(Protocol):
    """A copy of all keys."""

    @property
    def ready(self) -> bool:
        """Whether they have been read."""
        ...

    def find(self, public: str) -> KeyRecord | None:
        """The key with this public id."""
        ...

    def used(self, public: str, now: float) -> None:
        """It was used."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A key as it is looked up: what does not change from one request to the next is made once."""

    record: KeyRecord
    secrets: tuple[tuple[bytes, float | None], ...]
    first: Caller
    limits: KeyLimits | None


class KeyAccess:
    """Lets in who shows a key that is neither expired nor revoked, for what it opens."""

    def __init__(self, keys: Keys, clock: Clock, quotas: Quotas) -> None:
        self._keys = keys
        self._clock = clock
        self._quotas = quotas
        self._held: dict[str, _Held] = {}

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """The holder of the key.

        Raises:
            AuthenticationRequired: there is none.
            InvalidApiKey: it is unknown, mistyped, expired or revoked.
            PermissionDenied: it does not open this, or not for this tenant.
            RateLimited: a limit of the key is reached.
            TransportUnavailable: keys could not be read yet.
        """
        held = self.verify(credential(headers))
        caller = held.first
        wanted = headers.get(_TENANT)
        if wanted is not None and wanted != caller.tenant:
            caller = _of_tenant(held, wanted)
        caller.check_scope(scope)
        if held.limits is None:
            return caller
        done = await self._quotas.take(held.record.id, held.limits)
        return caller if done is None else replace(caller, done=done)

    def verify(self, token: str) -> _Held:
        """The key that a token is. Raises `InvalidApiKey`, `TransportUnavailable`."""
        public = public_part(token) or ""
        record = self._keys.find(public)
        if record is None and not self._keys.ready:
            raise TransportUnavailable("the keys could not be read yet: ask again in a moment", retry_after_s=1.0)
        held = self._hold(record) if record is not None else None
        now = self._clock.now()
        # Also where there is no such key something is compared: how long it takes tells nobody which ids there are.
        digest = digest_of(token)
        secrets = held.secrets if held is not None else ((_NOBODY, None),)
        fits = False
        for kept, until in secrets:
            fits |= compare_digest(kept, digest) and (until is None or now < until)
        if held is None or not fits:
            raise InvalidApiKey(_why(token))
        standing = held.record.standing(now)
        if standing != "active":
            raise InvalidApiKey(f"key {public} is {standing}: ask for a new one")
        self._keys.used(public, now)
        return held

    def counts_tokens(self, key_id: str | None) -> bool:
        """Whether the key has a limit of tokens."""
        held = self._held.get(key_id) if key_id is not None else None
        return held is not None and held.limits is not None and held.limits.tokens_per_minute is not None

    def used(self, key_id: str | None, usage: Usage) -> None:
        """Count tokens against the limit of the key."""
        if key_id is not None and self.counts_tokens(key_id):
            self._quotas.used(key_id, usage.input_tokens + usage.output_tokens)

    def _hold(self, record: KeyRecord) -> _Held:
        held = self._held.get(record.id)
        if held is None or held.record is not record:
            held = self._held[record.id] = _made(record)
        return held


def _made(record: KeyRecord) -> _Held:
    routes = None if record.routes is None else frozenset(record.routes)
    caller = Caller(record.tenants[0], record.id, frozenset(record.scopes), routes, frozenset(record.lanes))
    secrets = tuple((bytes.fromhex(secret.digest), secret.until) for secret in record.secrets)
    return _Held(record, secrets, caller, record.limits if record.limits != KeyLimits() else None)


def _of_tenant(held: _Held, tenant: str) -> Caller:
    if tenant not in held.record.tenants:
        raise PermissionDenied(f"key {held.record.id} is of another tenant than {_TENANT} names", param=_TENANT)
    return replace(held.first, tenant=tenant)


def _why(token: str) -> str:
    if public_part(token) is None and not token.startswith("sk-sw-"):
        return _FOREIGN
    return _UNKNOWN if well_formed(token) else _MISTYPED
