"""Ports of this machine: who has them, and how a demonstration goes round them."""

import socket

from pipeline.embedded.listening import around, free_port, is_free
from pipeline.embedded.options import Ports


def test_a_port_that_somebody_listens_on_is_not_free_and_is_gone_round() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = Ports(nats=taken.getsockname()[1], door=free_port())
        assert not is_free(ports.nats)
        chosen = around(ports)
    assert chosen.nats != ports.nats
    assert chosen.door == ports.door
