"""What a caller asks about the form of the answer: how many, streamed in which way, with which scores."""

from typing import Any, Final

from pipeline.contracts import JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse

__all__ = ["MOST_CHOICES", "add_logprobs", "choices_of", "stream_options_of"]

MOST_CHOICES: Final = 8
"""Answers that one request may ask for."""
_STREAM_OPTIONS: Final = frozenset({"include_usage", "include_obfuscation"})


def choices_of(said: JsonObject) -> int:
    """How many answers are wanted.

    Raises:
        InvalidRequest: it is no such number.
    """
    wanted = said["n"]
    if type(wanted) is not int or not 1 <= wanted <= MOST_CHOICES:
        raise InvalidRequest(f"n must be a whole number from 1 to {MOST_CHOICES}", param="n")
    return wanted


def stream_options_of(said: JsonObject) -> JsonObject:
    """The options of a stream.

    Raises:
        InvalidRequest: there is no stream, or they are none.
        UnsupportedParameter: an option that we do not know.
    """
    options = said["stream_options"]
    if not isinstance(options, dict) or not said.get("stream"):
        raise InvalidRequest("stream_options is an object that goes with stream: true", param="stream_options")
    for name, value in options.items():
        if name not in _STREAM_OPTIONS:
            raise refuse(f"stream_options.{name}")
        if value is not None and not isinstance(value, bool):
            raise InvalidRequest(f"stream_options.{name} must be true or false", param=f"stream_options.{name}")
    return options


def add_logprobs(wanted: dict[str, Any], said: JsonObject) -> None:
    """Add to the fields of a request whether log-probabilities are wanted, and with how many alternatives.

    Raises:
        InvalidRequest: alternatives to nothing, or no truth value.
    """
    asked, top = said.get("logprobs", False), said.get("top_logprobs")
    if not isinstance(asked, bool):
        raise InvalidRequest("logprobs must be true or false", param="logprobs")
    if asked:
        wanted["logprobs"] = 0 if top is None else top
    elif top:
        raise InvalidRequest("top_logprobs goes with logprobs: true", param="top_logprobs")
