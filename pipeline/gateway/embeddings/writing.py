"""Our reply to the body of `/v1/embeddings`. Pure."""

from typing import Any

from pipeline.contracts import Reply
from pipeline.contracts.vectors import unpacked
from pipeline.gateway.embeddings.reading import Encoding

__all__ = ["embeddings_object"]


def embeddings_object(reply: Reply, encoding: Encoding) -> dict[str, Any]:
    """The list of vectors, in the order of the texts. Base64 goes out as it came; numbers are those of 32 bits."""
    rows = reply.embeddings or ()
    written: list[Any] = list(rows) if encoding == "base64" else [unpacked(row).tolist() for row in rows]
    tokens = reply.usage.input_tokens
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(written)],
        "model": reply.served.model if reply.served else "",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
