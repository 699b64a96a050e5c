"""What travels between stages."""

from pathlib import Path

import orjson
import pytest

from pipeline.contracts import parse_envelope
from pipeline.runner import dump_envelope
from pipeline.schemas import ROOT

EXAMPLES = sorted((ROOT / "schemas/examples/envelope/1.0/accepted").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_travels_is_what_was_sent_and_says_its_version(path: Path) -> None:
    """Defaults are left out, and nothing else: also what a newer version knows is handed on."""
    sent = parse_envelope(path.read_bytes())
    body = dump_envelope(sent)
    assert parse_envelope(body) == sent
    assert orjson.loads(body)["version"] == sent.version
    assert len(body) <= len(sent.model_dump_json(exclude_none=True))
