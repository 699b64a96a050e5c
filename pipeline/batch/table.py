"""Results as Parquet: one row for each line, written in groups so that none but the present one is in memory."""

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline.batch.model import Row
from pipeline.errors import PartMissing

__all__ = ["columns", "write_parquet"]

GROUP: Final = 1000
"""Rows of a row group."""


def columns(row: Row) -> dict[str, Any]:
    """A row as the columns of a table. `reply` holds all of the reply as JSON."""
    reply, error = row.reply, row.error
    served = reply.served if reply is not None else None
    return {
        "line": row.line,
        "custom_id": row.custom_id,
        "status": row.status,
        "request_id": row.request_id,
        "round": row.round,
        "same_as": row.same_as,
        "same_as_batch": row.of,
        "content": reply.content if reply is not None else None,
        "finish_reason": reply.finish_reason if reply is not None else None,
        "model": served.model if served is not None else None,
        "escalated": reply.escalated if reply is not None else None,
        "confidence": reply.confidence if reply is not None else None,
        "input_tokens": reply.usage.input_tokens if reply is not None else None,
        "output_tokens": reply.usage.output_tokens if reply is not None else None,
        "cost_usd": reply.cost_usd if reply is not None else None,
        "error_code": error.code if error is not None else None,
        "error_message": error.message if error is not None else None,
        "reply": reply.model_dump_json(exclude_none=True) if reply is not None else None,
    }


_WHOLE: Final = ("line", "round", "same_as", "input_tokens", "output_tokens")
_NUMBERS: Final = ("confidence", "cost_usd")


def _schema(arrow: Any) -> Any:
    """The types of the columns, which hold also where a group has nothing in one of them."""
    empty = Row(0, None, "failed", "")

    def kind(name: str) -> Any:
        if name in _WHOLE:
            return arrow.int64()
        if name in _NUMBERS:
            return arrow.float64()
        return arrow.bool_() if name == "escalated" else arrow.string()

    return arrow.schema([(name, kind(name)) for name in columns(empty)])


def _parts() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise PartMissing("pyarrow is not installed; install the extra `parquet`: stepwell[parquet]") from None


async def write_parquet(rows: AsyncIterator[Row], path: Path, metadata: dict[str, str] | None = None) -> int:
    """Write rows to a file; returns how many.

    Raises:
        PartMissing: pyarrow is not installed.
    """
    arrow, parquet = _parts()
    schema = _schema(arrow).with_metadata({"stepwell": orjson.dumps(metadata or {})})
    written, group = 0, list[dict[str, Any]]()
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        async for row in rows:
            group.append(columns(row))
            if len(group) == GROUP:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
                written, group = written + len(group), []
        writer.write_table(arrow.Table.from_pylist(group, schema=schema))
    return written + len(group)
