"""The JSON Schemas that callers send, compiled once and bounded, and whether a document satisfies one."""

from pipeline.adapters.documents.schemas import check_schema, problems

__all__ = ["check_schema", "problems"]
