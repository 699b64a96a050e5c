"""An envelope that comes back to who wrote it is the one that its bytes say."""

from pathlib import Path

import pytest
from cascade import envelope

from pipeline.contracts import Message, Request, parse_envelope
from pipeline.contracts.handed import LARGEST, MOST, Handed
from pipeline.runner import dump_envelope

EXAMPLES = sorted((Path(__file__).parents[3] / "schemas/examples/envelope").rglob("accepted/*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_given_back_is_what_reading_would_give(path: Path) -> None:
    made = parse_envelope(path.read_bytes())
    handed, body = Handed(), dump_envelope(made)

    handed.wrote(body, made)

    assert handed.take(bytes(bytearray(body))) == parse_envelope(body)


def test_it_is_given_once_and_for_these_bytes_alone() -> None:
    handed, made = Handed(), envelope(id="one")
    body = handed.wrote(dump_envelope(made), made)

    assert handed.take(dump_envelope(envelope(id="two"))) is None
    assert handed.take(body) is made
    assert handed.take(body) is None


def test_large_ones_and_old_ones_are_read() -> None:
    handed = Handed()
    long = Request(tenant="acme", messages=(Message(role="user", content="x" * LARGEST),))
    large = envelope(request=long)
    assert handed.take(handed.wrote(dump_envelope(large), large)) is None

    bodies = []
    for number in range(MOST + 1):
        made = envelope(id=f"r{number}")
        bodies.append(handed.wrote(dump_envelope(made), made))
    assert handed.take(bodies[0]) is None
    assert handed.take(bodies[-1]) is not None
