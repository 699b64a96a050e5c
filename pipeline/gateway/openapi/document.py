"""The document, put together from the descriptions of the families. Pure."""

import json
from typing import Any

from pipeline.gateway.openapi import completions, dialects, listed, parts, vectors

__all__ = ["document", "render"]

_FAMILIES = (completions, dialects, listed, vectors)


def document() -> dict[str, Any]:
    """The document as an object."""
    paths: dict[str, dict[str, Any]] = {}
    schemas = dict(parts.COMPONENTS)
    for family in _FAMILIES:
        schemas |= family.COMPONENTS
        for (method, path), operation in family.OPERATIONS.items():
            paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stepwell",
            "version": "1",
            "description": "The HTTP door of an inference cascade: the shapes of the OpenAI API and of Anthropic's.",
        },
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def render() -> str:
    """The document as it stands in `schemas/openapi.json`."""
    return json.dumps(document(), indent=2, ensure_ascii=False, sort_keys=False) + "\n"
