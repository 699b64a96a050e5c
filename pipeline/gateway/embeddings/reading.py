"""The body of `/v1/embeddings` to our request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from pipeline.contracts import Embed, Json, JsonObject, Request
from pipeline.errors import InvalidRequest
from pipeline.gateway.openai import Call, to_call
from pipeline.gateway.parameters import refuse

__all__ = ["MOST_TEXTS", "EmbedCall", "Encoding", "to_embed_call"]

Encoding = Literal["float", "base64"]

MOST_TEXTS: Final = 2048
"""Texts of one request, as in the API."""
MOST_DIMENSIONS: Final = 65_536
_OWN: Final = frozenset({"input", "encoding_format", "dimensions"})
_SHARED: Final = frozenset({"model", "user", "provider", "stepwell"})
"""Fields that mean the same in a chat completion, and are read by its reader."""
_PLACEHOLDER: Final[Json] = [{"role": "user", "content": "-"}]
_OF_ANSWERS: Final = ("quality_floor", "cache_similarity")


@dataclass(frozen=True, slots=True)
class EmbedCall:
    """Vectors as asked for: our request, and in which form they are written."""

    call: Call
    encoding: Encoding

    @property
    def request(self) -> Request:
        """The request."""
        return self.call.request


def to_embed_call(fields: JsonObject, headers: Mapping[str, str], tenant: str | None = None) -> EmbedCall:
    """Read a body; who asks, and which target they wish, stands where a chat completion has it.

    Args:
        fields: the body.
        headers: the HTTP headers, names in lower case or a mapping that does not mind the case.
        tenant: whose request it is; None: the header says so.

    Raises:
        InvalidRequest: the body or a header breaks the contract; names the field.
        UnsupportedParameter: the body asks for something that Stepwell does not do.
        UnknownModel: the model cannot be the name of a route or a variant.
    """
    for name, value in fields.items():
        if name not in _OWN and name not in _SHARED and value is not None:
            raise refuse(name)
    shared: dict[str, Any] = {name: value for name, value in fields.items() if name in _SHARED}
    read = to_call({**shared, "messages": _PLACEHOLDER}, headers, tenant)
    for name in _OF_ANSWERS:
        if getattr(read.request, name) is not None:
            raise refuse(f"stepwell.{name}", advice="vectors have none; leave it out")
    embed = Embed(texts=_texts(fields.get("input")), dimensions=_dimensions(fields.get("dimensions")))
    request = read.request.model_copy(update={"messages": (), "embed": embed})
    return EmbedCall(replace(read, request=request), _encoding(fields.get("encoding_format")))


def _texts(given: Json) -> tuple[str, ...]:
    if given is None:
        raise InvalidRequest("input is missing: give a text, or a list of them", param="input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list):
        raise InvalidRequest("input must be a text, or a list of them", param="input")
    if not 0 < len(texts) <= MOST_TEXTS:
        raise InvalidRequest(f"input has {len(texts)} texts: give 1 to {MOST_TEXTS} at a time", param="input")
    return tuple([_text(text, index) for index, text in enumerate(texts)])


def _text(given: Json, index: int) -> str:
    if isinstance(given, int | list) and not isinstance(given, bool):
        advice = "every model numbers them in its own way; send texts (LangChain: check_embedding_ctx_length=False)"
        raise refuse("input", "of tokens", advice)
    if not isinstance(given, str) or not given:
        raise InvalidRequest(f"input[{index}] must be a text that is not empty", param=f"input[{index}]")
    return given


def _dimensions(given: Json) -> int | None:
    if given is None:
        return None
    if type(given) is not int or not 0 < given <= MOST_DIMENSIONS:
        raise InvalidRequest(f"dimensions must be a whole number from 1 to {MOST_DIMENSIONS}", param="dimensions")
    return given


def _encoding(given: Json) -> Encoding:
    if given is None or given == "float":
        return "float"
    if given == "base64":
        return "base64"
    raise InvalidRequest("encoding_format must be float or base64", param="encoding_format")
