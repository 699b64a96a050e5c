"""OpenAI's `/v1/responses`, translated to the chat completion and back."""

from pipeline.gateway.responses_api.answer import response_object
from pipeline.gateway.responses_api.endpoint import Responses
from pipeline.gateway.responses_api.question import Question, to_chat

__all__ = ["Question", "Responses", "response_object", "to_chat"]
