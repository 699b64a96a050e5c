"""Each request has a line that can be read without colours, and scripted models are named in every one."""

from pipeline.cli.demo import _line, _stairs
from pipeline.contracts import ErrorBody, Reply, Request
from pipeline.contracts.reply import Served as ServedBy
from pipeline.embedded.demo import Case, Served

USUAL = ("classify:classified", "plan:planned", "recall:miss")


def served(*path, status="answered", **fields):
    by = ServedBy(route="chat", variant="large", target="large", model="m", tier=1, tiers=2)
    body = {"id": "r", "tenant": "t", "status": status, "policy_revision": "p", "fingerprint": "f"}
    reply = Reply(**body, path=path, served=by if status == "answered" else None, **fields)
    return Served(7, Case(request=Request(input="?")), 0.5, reply, True)


def test_the_stairs_leave_out_what_every_request_passes():
    item = served(*USUAL, "draft:drafted", "check:rejected", "escalate:escalated", "check:accepted")
    assert _stairs(item) == "draft › check rejected › escalate › check accepted"


def test_a_remembered_answer_and_a_refusal_with_its_rule_are_told():
    assert _stairs(served("classify:classified", "plan:planned", "recall:hit")) == "recall hit"
    error = ErrorBody(code="residency_refused", message="no", rule="eu-stays")
    refused = served("classify:classified", "plan:refused", status="refused", error=error)
    assert _stairs(refused) == "plan refused (eu-stays)"


def test_scripted_models_are_marked_in_every_line():
    item = served(*USUAL, "draft:drafted", "check:accepted")
    assert _line(item, "scripted").endswith("(scripted)")
    assert "scripted" not in _line(item, "local")


def test_a_request_without_a_reply_says_why():
    lost = Served(3, Case(request=Request(input="?")), 1.0, None, None, "nobody is there")
    line = _line(lost, "local")
    assert "no reply" in line
    assert line.endswith("nobody is there")
