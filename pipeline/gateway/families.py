"""The one table of what the door serves under /v1."""

from collections.abc import Callable
from typing import Final

from pipeline.gateway.batches import Batches
from pipeline.gateway.chat import Chat
from pipeline.gateway.desk import Desk
from pipeline.gateway.embeddings import Embeddings
from pipeline.gateway.family import Family
from pipeline.gateway.files import Files
from pipeline.gateway.messages_api import Messages
from pipeline.gateway.models import Models
from pipeline.gateway.outcomes import Outcomes
from pipeline.gateway.responses_api import Responses

__all__ = ["FAMILIES"]

FAMILIES: Final[tuple[Callable[[Desk], Family], ...]] = (
    Batches,
    Chat,
    Embeddings,
    Files,
    Messages,
    Models,
    Outcomes,
    Responses,
)
