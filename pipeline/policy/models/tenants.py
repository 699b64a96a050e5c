"""`kind: Tenants`: what is different for whom."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import Name
from pipeline.policy.models.base import Section

__all__ = ["TenantSpec", "TenantsFile"]


class TenantSpec(Section):
    """What is different for a tenant.

    Attributes:
        tier: `req.user_tier` of its requests, unless `user_tiers` names another one for the user.
        user_tiers: tiers by user.
        variants: variants that take the place of others, such as an adapter of its own.
        only: targets or providers that may serve it.
        ignore: those that may not.
        regions: where targets should be, the best first.
        may_pin: whether its callers may pin a variant.
    """

    tier: Name | None = None
    user_tiers: dict[str, Name] = Field(default_factory=dict)
    variants: dict[Name, Name] = Field(default_factory=dict)
    only: tuple[Name, ...] | None = None
    ignore: tuple[Name, ...] = ()
    regions: tuple[Name, ...] = ()
    may_pin: bool = True


class TenantsFile(Section):
    """`kind: Tenants`: what is different for whom. `default` holds for those that are not named."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Tenants"]
    tenants: dict[Name, TenantSpec] = Field(default_factory=dict)
