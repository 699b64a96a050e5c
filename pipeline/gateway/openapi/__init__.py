"""The OpenAPI document of the door, rendered into `schemas/openapi.json`. One file for each family of endpoints."""

from pipeline.gateway.openapi.document import document, render

__all__ = ["document", "render"]
