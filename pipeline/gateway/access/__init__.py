"""Who calls, and what they may do: the door asks here before it reads anything else of a request."""

from pipeline.gateway.access.caller import Access, Caller, Scope
from pipeline.gateway.access.either import EitherAccess
from pipeline.gateway.access.keyed import KeyAccess
from pipeline.gateway.access.open import OpenAccess
from pipeline.gateway.access.quotas import Quotas

__all__ = ["Access", "Caller", "EitherAccess", "KeyAccess", "OpenAccess", "Quotas", "Scope"]
