"""Failures of Stepwell's own parts: its transport, its stores, its workers and the messages between them."""

from typing import Self

from pipeline.errors.failures import Permanent, Transient

__all__ = ["AnswerLost", "NoWorker", "Overloaded", "StoreUnavailable", "TransportUnavailable", "Unreadable"]


class TransportUnavailable(Transient):
    """NATS does not answer or did not confirm."""

    code = "transport_unavailable"


class StoreUnavailable(Transient):
    """Valkey does not answer. Callers go on without it."""

    code = "store_unavailable"


class Overloaded(Transient):
    """More is on its way than can be served soon, or more of this tenant than is its share. Nothing was begun."""

    code = "overloaded"


class NoWorker(Permanent):
    """No worker is there to take the request: none runs, or it is starting again."""

    code = "no_worker"
    http_status = 503

    @classmethod
    def on(cls, subject: str) -> Self:
        """Nobody listens on `subject` now."""
        message = (
            f"no worker listens on {subject} now: one may be starting again, which takes a few seconds; "
            "ask again, and start one with `stepwell up` or `stepwell worker` if that does not help"
        )
        return cls(message, retry_after_s=1.0)


class AnswerLost(Permanent):
    """A streamed answer was lost with its worker; another one counts, and can be fetched by the id of the request."""

    code = "answer_lost"
    http_status = 502


class Unreadable(Permanent):
    """The bytes of a message are no envelope that we know."""

    code = "unreadable"
