"""Who calls, and what they may do: the door asks here before it reads anything else of a request."""

from pipeline.gateway.access.caller import Access, Caller, Scope
from pipeline.gateway.access.open import OpenAccess

__all__ = ["Access", "Caller", "OpenAccess", "Scope"]
