"""Tokens counted by a target's own tokenizer: a `tokenizer.json` of Hugging Face, attached to the policy.

The package `tokenizers` is an extra. Without it, and where a file is broken, the estimate stands, which is from above
for most texts; `troubles` says so to whoever checks a policy. A tokenizer is asked only when the estimate is near a
limit of the target, since counting costs milliseconds where estimating costs microseconds.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import orjson

from pipeline.contracts import Message, Request
from pipeline.policy import Policy
from pipeline.policy.models import Target
from pipeline.policy.pricing import worst_cost
from pipeline.signals.conversation import TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, survey
from pipeline.signals.estimate import output_tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["LARGEST", "NEAR", "TokenizerFiles", "troubles"]

NEAR: Final = (0.5, 2.0)
"""An estimate between these shares of a limit is counted: the truth is seldom less than half of it, or twice."""
LARGEST: Final = 4_000_000
"""Characters beyond which nothing is counted: the estimate decides."""
_INSTALL: Final = "install the package tokenizers (pip install 'stepwell[tokenizers]')"
_log = logging.getLogger(__name__)


class TokenizerFiles:
    """Counts for the plan, with the files of the policy. Says once what keeps it from counting."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    async def counted(self, request: Request, tokens: int, policy: Policy) -> Mapping[str, int]:
        """Tokens of the question by target, where a limit is near; counted in a thread, once for each tokenizer."""
        files = _files_near(request, tokens, policy)
        if not files or survey(request).characters > LARGEST:
            return {}
        found = await asyncio.to_thread(self._count, request, {file: policy.attached[file] for file in files.values()})
        return {target: found[file] for target, file in files.items() if file in found}

    def _count(self, request: Request, files: Mapping[str, bytes]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for file, data in files.items():
            try:
                counts[file] = count(request, data)
            except ValueError as error:
                self._tell(f"{file}: {error}; tokens are estimated")
        return counts

    def _tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            _log.warning(sentence)


def count(request: Request, data: bytes) -> int:
    """Tokens of the whole question by the tokenizer in `data`; messages and images count as in the estimate.

    Raises:
        ValueError: the package is missing, or this is no tokenizer; one sentence.
    """
    tokenizer = _tokenizer(data)
    pieces = [piece for message in request.conversation() for piece in _pieces(message)]
    pieces += [orjson.dumps(extra).decode() for extra in (request.tools, request.response_schema) if extra]
    whole = [piece.encode("utf-8", "replace").decode() for piece in pieces]
    seen = survey(request)
    counted = sum(len(encoding) for encoding in tokenizer.encode_batch_fast(whole, add_special_tokens=False))
    return counted + TOKENS_PER_MESSAGE * seen.message_count + TOKENS_PER_IMAGE * seen.images


def troubles(policy: Policy) -> tuple[str, ...]:
    """What keeps tokens of targets from being counted, a sentence for each."""
    targets = {name: target.tokenizer for name, target in policy.targets.items() if target.tokenizer is not None}
    if targets and find_spec("tokenizers") is None:
        return (f"tokens of {', '.join(targets)} are estimated, since their tokenizers cannot be used; {_INSTALL}",)
    return tuple(trouble for name, file in targets.items() if (trouble := _trouble(name, file, policy)))


def _trouble(target: str, file: str, policy: Policy) -> str | None:
    data = policy.attached.get(file)
    if data is None:
        return f"tokens of {target} are estimated: the policy has no file {file}"
    try:
        _tokenizer(data)
    except ValueError as error:
        return f"tokens of {target} are estimated: {file}: {error}"
    return None


def _files_near(request: Request, tokens: int, policy: Policy) -> dict[str, str]:
    """The tokenizers of the targets that have a limit near the estimate, by target."""
    return {
        name: target.tokenizer
        for name, target in policy.targets.items()
        if target.tokenizer in policy.attached and target.tokenizer is not None and _near(request, tokens, target)
    }


def _near(request: Request, tokens: int, target: Target) -> bool:
    answer = output_tokens(request.parameters.max_tokens, None, target.max_output_tokens)
    if NEAR[0] * target.context_window <= tokens + answer <= NEAR[1] * target.context_window:
        return True
    ceiling = request.budget.max_cost_usd
    cost = worst_cost(target.price, tokens, answer)
    return ceiling is not None and cost is not None and NEAR[0] * ceiling <= cost <= NEAR[1] * ceiling


def _pieces(message: Message) -> list[str]:
    content = message.content
    texts = [content] if isinstance(content, str) else [part.text for part in content or () if part.type == "text"]
    return texts + [orjson.dumps(call.function).decode() for call in message.tool_calls or ()]


@lru_cache(maxsize=8)
def _tokenizer(data: bytes) -> "Tokenizer":
    """The tokenizer of a file, remembered by the content of the file."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ValueError(f"it cannot be used; {_INSTALL}") from None
    try:
        tokenizer = Tokenizer.from_buffer(data)
    except Exception:  # noqa: BLE001  the package raises plain exceptions
        raise ValueError("this is no tokenizer.json of Hugging Face") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
