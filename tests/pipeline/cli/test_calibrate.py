"""The verbs of calibration, from judged drafts to a file in force."""

import json
from dataclasses import asdict
from math import log
from pathlib import Path

import orjson
import pytest
from desk import Desk
from judged import drafts
from policy_files import ROUTES, swap, write
from servers import NatsServer
from typer.testing import CliRunner

from pipeline.calibrate.labels import Label
from pipeline.cli import calibrate, confidence
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.policy.load import load_folder
from pipeline.ports import Link
from stages.plan import again

pytest.importorskip("sklearn", reason="the extra train is not installed")
pytest.importorskip("plotext", reason="the extra train is not installed")
app = make_app(Hooks(lambda *_, **__: None))
run = CliRunner().invoke


def written(folder: Path, labels: list[Label]) -> Path:
    file = folder / "labels.jsonl"
    rows = [{name: value for name, value in asdict(label).items() if name != "key"} for label in labels]
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return file


def policies(place: Path, gate: str = "") -> Path:
    named = '    match: "true"\n    accept: {confidence: 0.7, calibrator_file: gate.json}\n'
    write(place, routes=swap(ROUTES, '    match: "true"\n', named))
    curve = {"kind": "platt", "slope": 1, "intercept": 0, "signal": "logprob_mean", "source": "s"}
    (place / "gate.json").write_text(gate or json.dumps({**curve, "fitted": "2026-11-01", "labels": 9}))
    return place


def test_one_command_makes_a_gate_and_says_what_it_promises(tmp_path: Path) -> None:
    to, picture = tmp_path / "new" / "gate.json", tmp_path / "curve.png"
    labels = str(written(tmp_path, drafts(2500, tasks=("code", "faq"))))
    done = run(app, ["calibrate", labels, "--alpha", "0.05", "--out", str(to), "--plot", str(picture)])

    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "faq: at most 5 of 100 answers are wrong and kept, with confidence 95 %" in told
    assert "said to be right" in told
    assert "confidence: promised" in told
    assert picture.read_bytes().startswith(b"\x89PNG")
    shown = run(app, ["confidence", "show", str(to)])
    assert shown.exit_code == 0, shown.output
    assert "escalate all" in shown.output
    assert "other tasks: everything escalates" in " ".join(shown.output.split())


def test_programs_get_the_thresholds_the_promises_and_the_curve(tmp_path: Path) -> None:
    labels = str(written(tmp_path, drafts(2500)))
    told = json.loads(run(app, ["calibrate", labels, "--alpha", "0.05", "--json"]).output)
    (segment,) = told["segments"]
    assert told["holds"] is True
    assert segment["promise"]["alpha"] == 0.05
    assert 0 < segment["threshold"] < 1
    assert segment["ece_after"] < 0.06
    assert sum(each["answers"] for each in told["reliability"]) == pytest.approx(2000, abs=120)
    assert told["gate"]["kind"] == "gate"


def test_a_version_that_later_labels_speak_against_is_not_written_and_the_old_one_stays(tmp_path: Path) -> None:
    to = tmp_path / "gate.json"
    to.write_text("the old one")
    labels = [{**asdict(label), "right": label.right and n < 1600} for n, label in enumerate(drafts(2000))]
    file = tmp_path / "labels.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(row) for row in labels))
    done = run(app, ["calibrate", str(file), "--alpha", "0.05", "--out", str(to)])

    assert done.exit_code == 1
    assert "later labels speak against" in " ".join(done.stderr.split())
    assert "The old version stays" in " ".join(done.stderr.split())
    assert to.read_text() == "the old one"


def test_a_floor_is_promised_in_words_and_later_labels_are_explained(tmp_path: Path) -> None:
    to = tmp_path / "gate.json"
    labels = str(written(tmp_path, drafts(2500)))
    done = run(app, ["calibrate", labels, "--floor", "0.95", "--out", str(to)])
    told = " ".join(done.output.split())
    assert done.exit_code == 0, done.output
    assert "answers are right at least 95 % as often as the large model's, with confidence 95 %" in told
    assert "They do not refute a promise" in told
    shown = run(app, ["confidence", "show", str(to)])
    assert "right at least 95 % as often" in " ".join(shown.output.split())


def test_strictly_a_version_that_later_labels_do_not_prove_is_not_written(tmp_path: Path) -> None:
    to = tmp_path / "gate.json"
    labels = str(written(tmp_path, drafts(400)))
    done = run(app, ["calibrate", labels, "--alpha", "0.05", "--strict", "--last", "250", "--out", str(to)])
    assert done.exit_code == 1
    assert "alone they do not prove what it promises" in " ".join(done.stdout.split())
    assert "150 older labels are left out" in " ".join(done.stdout.split())
    assert "not written: later labels do not prove" in " ".join(done.stderr.split())
    assert not to.exists()


def test_too_few_labels_are_told_kindly(tmp_path: Path) -> None:
    done = run(app, ["calibrate", str(written(tmp_path, drafts(40)))])
    assert done.exit_code == 1
    assert "takes at least 165" in " ".join(done.stderr.split())
    assert "collect 125 more" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rule", "best"], "--rule best: there is joint, expected, precision, relative, cost, floor"),
        (["--rule", "floor"], "--rule floor needs --floor"),
        (["--rule", "joint", "--floor", "0.95"], "--floor counts with --rule floor only, and this says joint"),
        (["--alpha", "0.05", "--floor", "0.95"], "leave out --alpha"),
        (["--apply"], "--apply needs --route"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(tmp_path: Path, words: list[str], sentence: str) -> None:
    done = run(app, ["calibrate", str(written(tmp_path, drafts(40))), *words])
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.split())


def test_apply_writes_the_file_that_the_route_names(tmp_path: Path) -> None:
    folder = policies(tmp_path / "policies")
    before = load_folder(folder, {}).revision
    labels = str(written(tmp_path, drafts(2500)))
    words = ["calibrate", labels, "--alpha", "0.05", "--route", "chat", "--apply", "--policies", str(folder)]
    done = run(app, words)

    assert done.exit_code == 0, done.output
    after = load_folder(folder, {})
    assert after.revision != before
    calibrator = after.routes[0].calibrator
    assert calibrator is not None
    assert calibrator.threshold().value is not None
    shown = run(app, ["confidence", "show", "chat", "--policies", str(folder), "--json"])
    (told,) = json.loads(shown.output)
    assert told["calibrator"] == calibrator.name
    assert "at most 5 of 100" in told["sentences"]["all requests"]


def test_explaining_a_request_tells_its_promise_or_why_there_is_none(tmp_path: Path) -> None:
    folder = policies(tmp_path / "policies")
    routes = (folder / "routes.yaml").read_text().replace("confidence: 0.7", "confidence: promised")
    labels = str(written(tmp_path, drafts(2500, tasks=("faq",))))
    made = run(app, ["calibrate", labels, "--alpha", "0.05", "--out", str(folder / "gate.json")])
    assert made.exit_code == 0, made.output
    (folder / "routes.yaml").write_text(routes)
    whole = make_app(Hooks(lambda *_, **__: None, again))
    faq = run(whole, ["policy", "explain", "task=faq", "--folder", str(folder)])
    new = run(whole, ["policy", "explain", "task=new", "--folder", str(folder)])
    assert "for the task faq at most 5 of 100 answers are wrong and kept" in " ".join(faq.output.split())
    assert "everything escalates: for the task new" in " ".join(new.output.split())


def test_a_single_curve_and_a_route_without_one_are_shown_too(tmp_path: Path) -> None:
    folder = policies(tmp_path / "policies")
    assert "it promises nothing" in run(app, ["confidence", "show", "--policies", str(folder)]).output
    write(folder)
    assert "no calibrator" in run(app, ["confidence", "show", "--policies", str(folder)]).output
    gone = run(app, ["confidence", "show", "nobody", "--policies", str(folder)])
    assert (gone.exit_code, "neither such a file nor such a route" in " ".join(gone.stderr.split())) == (1, True)


def test_a_file_that_is_no_calibrator_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"kind": "gate"}')
    done = run(app, ["confidence", "show", str(file)])
    assert done.exit_code == 1
    assert "is no calibrator: " in " ".join(done.stderr.split())


def test_where_nothing_was_recorded_it_says_what_is_needed(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_link: Link) -> None:
        pass

    desk = Desk(nats, monkeypatch, calibrate, confidence)
    desk.given(nothing)
    done = desk.types("calibrate")
    assert done.exit_code == 1
    assert "nothing recorded says whether a draft was right" in " ".join(done.stderr.split())
    assert "accept.explore" in " ".join(done.stderr.split())


def test_recorded_drafts_that_went_on_are_labels(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def recorded(link: Link) -> None:
        for n, label in enumerate(drafts(300)):
            await link.streams.append(f"audit.default.{n}", escalated(n, label))

    desk = Desk(nats, monkeypatch, calibrate, confidence)
    desk.given(recorded)
    done = desk.reads("calibrate", "--alpha", "0.1")
    assert isinstance(done, dict)
    assert done["gate"]["labels"] == 300
    assert done["gate"]["source"] == "what was recorded"
    assert done["gate"]["threshold"] is not None


def escalated(n: int, label: Label) -> bytes:
    """A record of a request whose draft went on, and agrees with the next answer where it was right."""
    attempts = [
        {"number": k, "stage": ("draft", "escalate")[k], "tier": k, "variant": "v", "target": "t", "model": "m"}
        | {"usage": {}, "cost_usd": None, "calls": 1, "latency_ms": 1.0}
        for k in range(2)
    ]
    record = {
        "producer": "p", "n": 0, "prev": "0" * 64, "at": 1.0, "tenant": "default", "request_id": f"r{n}",
        "fingerprint": "f", "lane": "interactive", "status": "answered", "attempts": attempts,
        "served": {"route": "chat", "variant": "v", "target": "t", "model": "m", "tier": 1, "tiers": 2},
        "policy_revision": "r", "received_at": float(n), "deadline_at": 2.0,
        "drafted": {"logprob_mean": log(label.confidence or 1.0), "agrees_with_next": float(label.right)},
    }  # fmt: skip
    return orjson.dumps(record)
