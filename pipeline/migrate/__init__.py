"""Configurations of other gateways become policies; what cannot be translated is told, and never dropped silently."""

from pipeline.migrate.account import Told
from pipeline.migrate.imported import GATEWAYS, Gateway, Imported, detected, imported
from pipeline.migrate.reading import MAX_BYTES
from pipeline.migrate.residency import residency_for

__all__ = ["GATEWAYS", "MAX_BYTES", "Gateway", "Imported", "Told", "detected", "imported", "residency_for"]
