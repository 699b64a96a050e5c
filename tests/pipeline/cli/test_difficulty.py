"""The verbs of the learned score, from labelled questions to a file that a policy can use."""

from pathlib import Path

import orjson
import pytest
from desk import Desk
from servers import NatsServer
from typer.testing import CliRunner

from pipeline.cli import difficulty
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.contracts import OutcomeEvent
from pipeline.experiments.outcomes import record_outcome
from pipeline.ports import Link
from pipeline.signals.difficulty import read_model

pytest.importorskip("sklearn", reason="the extra train is not installed")
SUBJECTS = ("tensors and manifolds", "birds and rivers", "cooking and bread")
app = make_app(Hooks(lambda *_, **__: None))
run = CliRunner().invoke


def answers(folder: Path, count: int = 150) -> Path:
    file = folder / "answers.jsonl"
    rows = [{"text": f"Question {n}: tell me of {SUBJECTS[n % 3]}", "failed": n % 3 == 0} for n in range(count)]
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return file


def test_one_command_trains_a_score_and_says_what_it_is_worth(tmp_path: Path) -> None:
    to = tmp_path / "difficulty.json"
    done = run(app, ["difficulty", "train", str(answers(tmp_path)), "--to", str(to)])

    assert done.exit_code == 0, done.output
    assert "answers: APGR 0.8" in done.output
    assert ": it pays" in done.output
    assert "difficulty_file: difficulty.json" in done.output.replace("\n", " ")
    assert read_model(to.read_bytes()).score_text("tell me of tensors and manifolds") > 0.8


def test_what_was_measured_can_be_shown_later_and_questions_scored(tmp_path: Path) -> None:
    to = tmp_path / "difficulty.json"
    made = run(app, ["difficulty", "train", str(answers(tmp_path)), "--to", str(to), "--no-compare", "--json"])
    shown = run(app, ["difficulty", "show", str(to), "--text", "Prove it: tensors and manifolds", "--json"])
    told = run(app, ["difficulty", "show", str(to), "--text", "Prove it: tensors and manifolds"])

    written, read = orjson.loads(made.output), orjson.loads(shown.output)
    assert written["measured"] == read["measured"]
    assert written["digest"] == read["digest"]
    assert read["measured"]["sets"][0]["tfidf"] is None
    assert read["difficulty"] > 0.5 > read["complexity"] > 0.0
    assert "learned from 150 questions" in told.output
    assert "complexity 0.12: reasoning 0.12" in told.output


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"{}", "this is no file of `stepwell difficulty train`"), (None, "the score cannot be read")],
)
def test_a_file_that_is_no_score_is_refused_in_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    file = tmp_path / "x.json"
    if content is not None:
        file.write_bytes(content)
    done = run(app, ["difficulty", "show", str(file)])

    assert done.exit_code == 1
    assert sentence in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.output + done.stderr


def test_too_few_questions_and_an_unwritable_place_are_told(tmp_path: Path) -> None:
    few = run(app, ["difficulty", "train", str(answers(tmp_path, 20)), "--to", str(tmp_path / "x.json")])
    nowhere = run(
        app, ["difficulty", "train", str(answers(tmp_path)), "--to", str(tmp_path / "gone" / "x.json"), "--no-compare"]
    )

    assert (few.exit_code, nowhere.exit_code) == (1, 1)
    assert "at least 100 are needed" in few.stderr.replace("\n", " ")
    assert "the score cannot be written" in nowhere.stderr.replace("\n", " ")


def test_recorded_decisions_and_outcomes_label_the_questions_that_somebody_kept(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = tmp_path / "asked.jsonl"
    lines = [{"id": f"r{n}", "text": f"Question {n}: tell me of {SUBJECTS[n % 3]}"} for n in range(130)]
    asked.write_bytes(b"\n".join(map(orjson.dumps, lines)))

    async def recorded(link: Link) -> None:
        for n in range(120):
            await link.streams.append(f"audit.default.{n}", decision(f"r{n}", tier=int(n % 3 == 0)))
        bad = OutcomeEvent(id="o1", request_id="r1", reward=0.0)
        await record_outcome(link.streams, bad)

    desk = Desk(nats, monkeypatch, difficulty)
    desk.given(recorded)
    to = str(tmp_path / "difficulty.json")
    done = desk.reads("difficulty", "train", str(asked), "--to", to, "--recorded", "--no-compare")

    assert isinstance(done, dict)
    assert (done["rows"], done["measured"]["sets"][0]["weak"]) == (120, round(79 / 120, 4))


def decision(request: str, tier: int) -> bytes:
    """A record of a request that this tier answered, with the draft before it."""
    attempts = [
        {"number": n, "stage": ("draft", "escalate")[n], "tier": n, "variant": "v", "target": "t", "model": "m"}
        | {"usage": {}, "cost_usd": None, "calls": 1, "latency_ms": 1.0}
        for n in range(tier + 1)
    ]
    served = {"route": "chat", "variant": "v", "target": "t", "model": "m", "tier": tier, "tiers": 2}
    record = {
        "producer": "p", "n": 0, "prev": "0" * 64, "at": 1.0, "tenant": "default", "request_id": request,
        "fingerprint": "f", "lane": "interactive", "status": "answered", "served": served, "attempts": attempts,
        "policy_revision": "r", "received_at": 1.0, "deadline_at": 2.0, "latency_ms": 1.0,
    }  # fmt: skip
    return orjson.dumps(record)
