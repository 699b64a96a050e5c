"""What travels, written down for other languages: JSON Schemas and an AsyncAPI document, rendered from the code.

`make schemas` writes `schemas/`; `python -m pipeline.schemas --check` and a test fail on any difference.
"""

from pipeline.schemas.asyncapi import asyncapi
from pipeline.schemas.messages import MESSAGES, VERSION, schema_of
from pipeline.schemas.render import ROOT, outdated, render

__all__ = ["MESSAGES", "ROOT", "VERSION", "asyncapi", "outdated", "render", "schema_of"]
