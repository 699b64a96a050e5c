"""Files as the OpenAI API writes them."""

from typing import Any

from pipeline.batch.model import Batch, FileInfo
from pipeline.gateway.files.names import error_file, output_file

__all__ = ["brought_object", "deleted_object", "file_object"]


def file_object(info: FileInfo) -> dict[str, Any]:
    """A file that somebody sent. Times in Unix seconds."""
    return _file(info.id, info.bytes, int(info.created), info.name, info.purpose)


def brought_object(batch: Batch, *, errors: bool, size: int) -> dict[str, Any]:
    """A file that a batch brought forth. `size` in bytes."""
    name = error_file(batch.id) if errors else output_file(batch.id)
    return _file(name, size, int(batch.finalizing_at or batch.created), f"{name}.jsonl", "batch_output")


def deleted_object(file: str) -> dict[str, Any]:
    """The word that a file is gone."""
    return {"id": file, "object": "file", "deleted": True}


def _file(name: str, size: int, created: int, filename: str, purpose: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": created,
        "expires_at": None,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }
