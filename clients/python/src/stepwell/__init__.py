"""Ask a Stepwell cascade over NATS.

    from stepwell import Client

    with Client("nats://127.0.0.1:4222", tenant="shop") as client:
        print(client.ask("What is a stepwell?").content)

`AsyncClient` has the same methods as coroutines. What policy denied is `Refused`, what could not be done is `Failed`.
"""

from stepwell.aio import AsyncClient
from stepwell.errors import (
    AnswerLost,
    Failed,
    NotPermitted,
    NoWorker,
    Overloaded,
    Refused,
    StepwellError,
    TimedOut,
    Unreachable,
)
from stepwell.models import AuditRecord, Chunk, ErrorDetail, RateState, Remembered, Reply, Served, ToolCall, Usage
from stepwell.sync import Client
from stepwell.wishes import Budget, Embed, Parameters, ProviderPreferences, Wishes

__all__ = [
    "AnswerLost",
    "AsyncClient",
    "AuditRecord",
    "Budget",
    "Chunk",
    "Client",
    "Embed",
    "ErrorDetail",
    "Failed",
    "NoWorker",
    "NotPermitted",
    "Overloaded",
    "Parameters",
    "ProviderPreferences",
    "RateState",
    "Refused",
    "Remembered",
    "Reply",
    "Served",
    "StepwellError",
    "TimedOut",
    "ToolCall",
    "Unreachable",
    "Usage",
    "Wishes",
]
