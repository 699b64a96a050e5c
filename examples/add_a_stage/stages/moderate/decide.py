"""Whether a request may go on."""

import unicodedata
from collections.abc import Iterator, Sequence

from pipeline.contracts import Envelope, ErrorBody, Message, Request, TextPart
from pipeline.errors import Refusal
from pipeline.ports import Outcome

__all__ = ["decide", "plain"]


def decide(envelope: Envelope, blocked: Sequence[str]) -> Outcome:
    """`refused` when a text of the request holds one of `blocked` (made `plain` before), else `passed`."""
    found = next((index for index, phrase in enumerate(blocked) if _holds(envelope.request, phrase)), None)
    if found is None:
        return Outcome("passed", facts={"phrases": len(blocked)})
    rule = f"blocked-{found}"
    error = ErrorBody(code=Refusal.code, message="the request holds a blocked phrase", rule=rule)
    return Outcome("refused", (rule,), {"status": "refused", "error": error})


def plain(text: str) -> str:
    """Without differences of case, width and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _holds(request: Request, phrase: str) -> bool:
    return any(phrase in plain(text) for message in request.conversation() for text in _texts(message))


def _texts(message: Message) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    for part in message.content or ():
        if isinstance(part, TextPart):
            yield part.text
