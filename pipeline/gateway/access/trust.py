"""`kind: Access`: whose tokens the door believes, and what their claims open. A file of the door, and no policy.

Policies are changed by many, and travel to every process. Whoever could change through them whom the door believes
could give themselves any tenant; so this file stands beside the door's certificate, and is read when the door starts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pipeline.contracts import Lane, Name
from pipeline.errors import PolicyInvalid
from pipeline.keys import LANES, SCOPES, Scope
from pipeline.policy.models.base import Section
from pipeline.policy.problems import refuse
from pipeline.policy.text import MAX_BYTES, read_text
from pipeline.policy.validate import held_against

__all__ = ["Algorithm", "Issuer", "Trust", "read_trust"]

Algorithm = Literal["RS256", "ES256", "EdDSA"]
"""Signatures by a private key alone. A secret that is shared, or no signature at all, cannot be asked for."""
_HERE = ("localhost", "127.0.0.1", "::1")


class Issuer(Section):
    """An identity provider.

    Attributes:
        issuer: what `iss` has to be, letter by letter.
        audience: one of these has to stand in `aud`.
        jwks: its public keys: an https address, or a file beside this one.
        algorithms: how its tokens may be signed.
        tenant: the tenant of all its callers.
        tenant_claim: or the claim that holds the tenant.
        tenants: what values of that claim mean, where they are not the names of tenants themselves; others are refused.
        scopes: what its callers may use at most.
        scope_claim: the claim that says what of it: a list, or words between spaces; without it they may use all.
        scope_prefix: what stands before each word there, such as `stepwell:`; other words are passed over.
        routes: routes and variants that its callers may ask; left out: all.
        route_claim: the claim that names those of one caller.
        lanes: `interactive`, `batch`.
    """

    issuer: str = Field(min_length=1, max_length=512)
    audience: tuple[str, ...] = Field(min_length=1, max_length=16)
    jwks: str = Field(min_length=1, max_length=1024)
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256",), min_length=1)
    tenant: Name | None = None
    tenant_claim: str | None = Field(default=None, max_length=128)
    tenants: dict[str, Name] | None = None
    scopes: tuple[Scope, ...] = Field(default=SCOPES, min_length=1)
    scope_claim: str | None = Field(default=None, max_length=128)
    scope_prefix: str = Field(default="", max_length=64)
    routes: tuple[Name, ...] | None = Field(default=None, min_length=1)
    route_claim: str | None = Field(default=None, max_length=128)
    lanes: tuple[Lane, ...] = Field(default=LANES, min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.tenant is None) == (self.tenant_claim is None):
            raise ValueError("give either tenant or tenant_claim, and not both")
        if self.tenants is not None and self.tenant_claim is None:
            raise ValueError("tenants says what values of tenant_claim mean: give that too")
        address = urlsplit(self.jwks)
        if address.scheme == "http" and address.hostname not in _HERE:
            raise ValueError("jwks is fetched over https alone: whoever can change it on its way can sign any token")
        if address.scheme not in ("", "http", "https"):
            raise ValueError("jwks is an https address or the name of a file")
        return self

    @property
    def remote(self) -> bool:
        """Whether its keys are fetched."""
        return urlsplit(self.jwks).scheme != ""


class Trust(Section):
    """`kind: Access`: whose tokens are believed. `leeway_s`: how far the clocks may be apart."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Access"]
    leeway_s: float = Field(default=30.0, ge=0, le=300)
    issuers: tuple[Issuer, ...] = Field(min_length=1, max_length=16)

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [issuer.issuer for issuer in self.issuers]
        if len(names) != len(set(names)):
            raise ValueError("an issuer stands here twice: join them")
        return self

    def by_name(self) -> Mapping[str, Issuer]:
        """The issuers by what `iss` says."""
        return {issuer.issuer: issuer for issuer in self.issuers}


def read_trust(path: Path) -> Trust:
    """Read the file.

    Raises:
        PolicyInvalid: it cannot be read, or is wrong; a line for each problem with its place.
    """
    try:
        with path.open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyInvalid(f"{path}: the file cannot be read: {error.strerror}") from None
    source = read_text(str(path), body)
    if source.problems:
        raise refuse(source.problems)
    if not isinstance(source.data, dict) or source.data.get("kind") != "Access":
        raise PolicyInvalid(f"{path}:1:1: kind: this must be a file with kind: Access")
    trust, problems = held_against(source, Trust)
    if trust is None:
        raise refuse(problems)
    return trust
