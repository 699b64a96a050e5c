"""Lines of batches: the body of each is read as the endpoint that its url names would read it. Pure."""

from collections.abc import Collection
from typing import Final

from pipeline.contracts import JsonObject, Request
from pipeline.errors import InvalidRequest
from pipeline.gateway.embeddings.reading import to_embed_call
from pipeline.gateway.openai import to_call
from pipeline.gateway.parameters import refuse

__all__ = ["ANY", "CHAT", "EMBEDDINGS", "translate_line"]

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"


class _Any(frozenset[str]):
    """Every name."""

    def __contains__(self, name: object) -> bool:
        return True


ANY: Final[Collection[str]] = _Any()
"""For those who read lines beforehand and do not know what targets pass on."""


def translate_line(url: str, body: JsonObject, tenant: str, passes: Collection[str] = ANY) -> Request:
    """The request that a line asks for.

    Args:
        url: the endpoint.
        body: what it is asked.
        tenant: whose request it is.
        passes: names of fields that some target passes on to its model.

    Raises:
        InvalidRequest: the endpoint takes no lines, or the body breaks its contract; names the field.
        UnsupportedParameter: it asks for what a line cannot have: several answers, or vectors as base64.
    """
    if url == CHAT:
        return to_call(body, {}, tenant, passes).request
    if url == EMBEDDINGS:
        vectors = to_embed_call(body, {}, tenant)
        if vectors.encoding != "float":
            raise refuse("encoding_format", advice="lines of a batch are answered with numbers")
        return vectors.request
    raise InvalidRequest(f"url: lines are for {CHAT} or {EMBEDDINGS}", param="url")
