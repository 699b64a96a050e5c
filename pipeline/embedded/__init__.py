"""Everything on one machine: nats-server, Valkey, model servers, workers and the door, as supervised children.

It starts programs and watches them; it knows no stage and no message. Nothing here is needed in production, where
the same commands (`python -m stages …`) run under an orchestrator.
"""
