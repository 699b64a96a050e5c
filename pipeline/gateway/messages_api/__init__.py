"""Anthropic's `/v1/messages`, translated to the chat completion and back."""

from pipeline.gateway.messages_api.answer import message_object
from pipeline.gateway.messages_api.endpoint import Messages
from pipeline.gateway.messages_api.problems import as_anthropic
from pipeline.gateway.messages_api.question import Question, to_chat

__all__ = ["Messages", "Question", "as_anthropic", "message_object", "to_chat"]
