"""The road over NATS: the only package that knows nats-py and FastStream.

FastStream owns the connection, its life cycle and the control subjects. The hot subscriptions (pulling work, answers to
our own requests, the service endpoints) use the plain client on the same connection: a hop through a FastStream handler
costs more than ten times as much.
"""

from pipeline.transport.nats.link import NatsLink, connect
from pipeline.transport.nats.queue import NatsTransport

__all__ = ["NatsLink", "NatsTransport", "connect"]
