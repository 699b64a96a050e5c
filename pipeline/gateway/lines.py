"""Lines of batches: the body of each is read as the endpoint that its url names would read it. Pure."""

from collections.abc import Collection
from typing import Final

from pipeline.contracts import JsonObject, Request
from pipeline.errors import InvalidRequest, StepwellError
from pipeline.gateway.embeddings.reading import to_embed_call
from pipeline.gateway.openai import to_call
from pipeline.gateway.parameters import refuse
from pipeline.gateway.responses_api.question import to_chat

__all__ = ["ANY", "CHAT", "EMBEDDINGS", "RESPONSES", "translate_any", "translate_line"]

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
RESPONSES: Final = "/v1/responses"


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
    if url == RESPONSES:
        return _response(body, tenant, passes)
    if url == EMBEDDINGS:
        vectors = to_embed_call(body, {}, tenant)
        if vectors.encoding != "float":
            raise refuse("encoding_format", advice="lines of a batch are answered with numbers")
        return vectors.request
    raise InvalidRequest(f"url: lines are for {CHAT}, {RESPONSES} or {EMBEDDINGS}", param="url")


def translate_any(url: str, body: JsonObject, tenant: str) -> Request:
    """As `translate_line`, for batches whose lines may name several endpoints.

    Nobody remembers which line was for which of them, so an answer of `/v1/responses` could not be told from a chat
    completion.

    Raises:
        InvalidRequest, UnsupportedParameter: as `translate_line`.
    """
    if url == RESPONSES:
        raise InvalidRequest(
            f"url: lines for {RESPONSES} come in a batch of their own, sent to /v1/batches of the HTTP door",
            param="url",
        )
    return translate_line(url, body, tenant)


def _response(body: JsonObject, tenant: str, passes: Collection[str]) -> Request:
    """The request of a line for `/v1/responses`, and its errors in the line's own words."""
    question = to_chat({"store": False, **body})  # a default that nobody asked for is nothing lost
    if question.lossy.names:
        raise refuse(question.lossy.names[0], advice="leave it out: a line has no header that says what it lost")
    try:
        return to_call(question.chat, {}, tenant, passes).request
    except StepwellError as error:
        question.places.restate(error)
        raise
