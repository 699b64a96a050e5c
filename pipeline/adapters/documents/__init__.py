"""The JSON Schemas that callers send, compiled once and bounded, and whether a document satisfies one."""

from pipeline.adapters.documents.parameters import as_schema
from pipeline.adapters.documents.schemas import TOO_LARGE, check_schema, problems

__all__ = ["TOO_LARGE", "as_schema", "check_schema", "problems"]
