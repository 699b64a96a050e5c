"""A door for those with a token of an identity provider: a JWT that is signed by one whom the door believes.

What a token says of itself decides nothing before its signature is known to be good: its algorithm has to be one that
the door allows for this issuer, and its key is looked up among the issuer's by name alone. Tokens that were good are
remembered for a minute at most, so that a caller's next requests cost no signature.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import jwt

from pipeline.contracts import Usage, is_name
from pipeline.errors import InvalidApiKey, PermissionDenied
from pipeline.gateway.access.caller import Caller, Scope
from pipeline.gateway.access.credentials import credential
from pipeline.gateway.access.jwks import Jwks
from pipeline.gateway.access.trust import Issuer, Trust
from pipeline.keys import digest_of
from pipeline.ports import Clock

__all__ = ["TokenAccess"]

REMEMBERED_S: Final = 60.0
MOST: Final = 4096
_MOST_ROUTES: Final = 256
_TENANT: Final = "x-stepwell-tenant"
_WHY: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "the token has expired: get a new one"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidAudienceError, "the token is meant for another audience than this door"),
    (jwt.InvalidIssuerError, "the token is of an issuer that this door does not believe"),
    (jwt.MissingRequiredClaimError, "the token lacks a claim that it must have: iss, aud and exp"),
    (jwt.InvalidAlgorithmError, "the token is signed in a way that its issuer may not use here"),
    (jwt.InvalidSignatureError, "the signature of the token is wrong"),
)
_UNREADABLE: Final = "what was sent is neither a key of this door nor a token that can be read"
_BROKEN: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float


class TokenAccess:
    """Lets in who shows a token of an issuer that the file of trust names, as what its claims say.

    Args:
        trust: whom the door believes.
        folder: where the file stands, and files of keys that it names.
        clock: the time.
    """

    def __init__(self, trust: Trust, folder: Path, clock: Clock) -> None:
        self._leeway_s = trust.leeway_s
        self._issuers = trust.by_name()
        self._keys = {name: Jwks(issuer, folder, clock) for name, issuer in self._issuers.items()}
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """Whom the token names.

        Raises:
            AuthenticationRequired: there is none.
            InvalidApiKey: it is not believed.
            PermissionDenied: it does not open this, or not for this tenant.
            TransportUnavailable: the keys of its issuer cannot be read.
        """
        caller = await self.verify(credential(headers))
        wanted = headers.get(_TENANT)
        if wanted is not None and wanted != caller.tenant:
            raise PermissionDenied(f"the token is of another tenant than {_TENANT} names", param=_TENANT)
        caller.check_scope(scope)
        return caller

    def counts_tokens(self, key_id: str | None) -> bool:
        """Nobody wants to know: rates by key in `limits.yaml` count for these callers."""
        del key_id
        return False

    def used(self, key_id: str | None, usage: Usage) -> None:
        """Not counted here."""

    async def verify(self, token: str) -> Caller:
        """Whom a token names; see `admit`."""
        digest, now = digest_of(token), self._clock.now()
        known = self._known.get(digest)
        if known is not None and now < known.until:
            return known.caller
        try:
            issuer, header = self._announced(token)
        except _BROKEN:
            raise InvalidApiKey(_UNREADABLE) from None
        key = await self._keys[issuer.issuer].key(header.get("kid"), header["alg"])
        try:
            claims = self._claims(token, issuer, key, header["alg"])
            caller = _caller(issuer, claims)
        except _BROKEN as error:
            raise InvalidApiKey(_why(error)) from None
        self._remember(digest, caller, min(float(claims["exp"]), now + REMEMBERED_S))
        return caller

    def _announced(self, token: str) -> tuple[Issuer, Mapping[str, Any]]:
        """What a token says of itself, which nobody has confirmed: whose it is, and how it is signed."""
        header = jwt.get_unverified_header(token)
        said = jwt.decode(token, options={"verify_signature": False}).get("iss")
        issuer = self._issuers.get(said) if isinstance(said, str) else None
        if issuer is None:
            raise InvalidApiKey("the token is of an issuer that this door does not believe")
        if header.get("alg") not in issuer.algorithms or "crit" in header:
            raise InvalidApiKey("the token is signed in a way that its issuer may not use here")
        return issuer, header

    def _claims(self, token: str, issuer: Issuer, key: jwt.PyJWK, algorithm: str) -> Mapping[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=list(issuer.audience),
            issuer=issuer.issuer,
            leeway=self._leeway_s,
            options={"require": ["exp", "iss", "aud"]},
        )

    def _remember(self, digest: bytes, caller: Caller, until: float) -> None:
        self._known[digest] = _Known(caller, until)
        self._known.move_to_end(digest)
        while len(self._known) > MOST:
            self._known.popitem(last=False)


def _why(error: BaseException) -> str:
    return next((said for kind, said in _WHY if isinstance(error, kind)), _UNREADABLE)


# ---------------------------------------------------------------- what claims open


def _caller(issuer: Issuer, claims: Mapping[str, Any]) -> Caller:
    caller = Caller(
        tenant=_tenant(issuer, claims),
        key_id=_ident(issuer, claims),
        scopes=frozenset(issuer.scopes),
        routes=None if issuer.routes is None else frozenset(issuer.routes),
        lanes=frozenset(issuer.lanes),
    )
    if issuer.scope_claim is not None:
        granted = {
            word.removeprefix(issuer.scope_prefix)
            for word in _words(claims.get(issuer.scope_claim))
            if word.startswith(issuer.scope_prefix)
        }
        caller = replace(caller, scopes=frozenset(scope for scope in issuer.scopes if scope in granted))
    if issuer.route_claim is not None:
        routes = frozenset(_words(claims.get(issuer.route_claim))[:_MOST_ROUTES])
        caller = replace(caller, routes=routes if caller.routes is None else routes & caller.routes)
    return caller


def _tenant(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    if issuer.tenant_claim is None:
        return issuer.tenant or ""
    said = claims.get(issuer.tenant_claim)
    if issuer.tenants is not None:
        said = issuer.tenants.get(said) if isinstance(said, str) else None
    if not isinstance(said, str) or not is_name(said):
        raise PermissionDenied("the token names no tenant of this door")
    return said


def _ident(issuer: Issuer, claims: Mapping[str, Any]) -> str | None:
    """A name for whoever it is, so that budgets and rates may count by caller; who they are stays with the issuer."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        return None
    said = f"{issuer.issuer}\0{subject}".encode("utf-8", "surrogateescape")
    return f"t-{blake2b(said, digest_size=8, person=b'stepwell subject').hexdigest()}"


def _words(value: object) -> list[str]:
    """A claim that is a list, or words between spaces as OAuth writes scopes."""
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
