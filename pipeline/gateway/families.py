"""The one table of what the door serves under /v1."""

from collections.abc import Callable
from typing import Final

from pipeline.gateway.chat import Chat
from pipeline.gateway.desk import Desk
from pipeline.gateway.family import Family
from pipeline.gateway.messages_api import Messages
from pipeline.gateway.models import Models
from pipeline.gateway.responses_api import Responses

__all__ = ["FAMILIES"]

FAMILIES: Final[tuple[Callable[[Desk], Family], ...]] = (Chat, Messages, Models, Responses)
