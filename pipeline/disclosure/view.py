"""What one target is shown of one request, sealed: only the guard makes it, and nobody changes it afterwards."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from pipeline.contracts import Embed, JsonObject, Message, Parameters, Shielded
from pipeline.policy.models import Target

__all__ = ["GUARD", "Permit", "View"]

GUARD: Final = object()
"""The seal. `pipeline.disclosure.guard` alone uses it; a test reads the sources to see that."""


class _Sealed:
    """Made with the seal, and never changed."""

    __slots__ = ()

    def _seal(self, seal: object, fields: Mapping[str, Any]) -> None:
        if seal is not GUARD:
            raise TypeError(f"only the guard makes a {type(self).__name__}: call pipeline.disclosure.guard.permit")
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is sealed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is sealed")

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither copied nor stored")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class View(_Sealed):
    """Everything that will be sent. What is None or empty is not sent at all.

    Attributes:
        messages: the conversation, the variant's system prompt before it; none where texts are to be embedded.
        embed: the texts to embed.
        parameters: how to sample.
        logprobs: how many alternatives of each token are asked for; None: as few as we need ourselves.
        tools: tool definitions.
        tool_choice: which of them to use.
        response_schema: the schema that the answer must satisfy.
        user: who asks, where the provider may know.
        session: the conversation it belongs to, where the provider may know.
        metadata: what the caller said about the request, where the provider may know.
        idempotency_key: equal for two calls that are to be paid once; a digest where the request's id is not shown.
        traceparent: the trace it belongs to, where the provider may know.
        shielded: what the target is kept from.
    """

    __slots__ = (
        "embed",
        "idempotency_key",
        "logprobs",
        "messages",
        "metadata",
        "parameters",
        "response_schema",
        "session",
        "shielded",
        "tool_choice",
        "tools",
        "traceparent",
        "user",
    )
    messages: tuple[Message, ...]
    embed: Embed | None
    parameters: Parameters
    logprobs: int | None
    tools: tuple[JsonObject, ...] | None
    tool_choice: str | JsonObject | None
    response_schema: JsonObject | None
    user: str | None
    session: str | None
    metadata: Mapping[str, str]
    idempotency_key: str
    traceparent: str | None
    shielded: tuple[Shielded, ...]

    def __init__(self, seal: object, fields: Mapping[str, Any]) -> None:
        self._seal(seal, {name: fields[name] for name in self.__slots__})


class Permit(_Sealed):
    """Proof that `target` may see `view`, and the definition of the target that the decision was about.

    The client calls what `spec` says and not what the name means meanwhile, and sends `view` and nothing else.
    """

    __slots__ = ("spec", "target", "view")
    target: str
    spec: Target
    view: View

    def __init__(self, seal: object, target: str, spec: Target, view: View) -> None:
        self._seal(seal, {"target": target, "spec": spec, "view": view})
