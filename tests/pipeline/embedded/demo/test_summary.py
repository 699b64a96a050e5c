"""The summary is counted from replies and records, and from nothing else."""

from pipeline.contracts import AuditRecord, ErrorBody, Reply, Request, Residency
from pipeline.contracts.reply import Served as ServedBy
from pipeline.embedded.demo import Alone, Case, Expected, Kept, Served, ask_all, baseline, summarise
from pipeline.errors import NoWorker

GOOD_LOG = {"ok": True, "records": 3, "producers": 1, "receipts": 3}


def reply(number, status="answered", variant="small", cache="miss", cost=0.001, **fields):
    served = None
    if status == "answered":
        served = ServedBy(route="chat", variant=variant, target=variant, model="m", tier=0, tiers=2)
    body = {"id": f"r{number}", "tenant": "t", "status": status, "cost_usd": cost, "policy_revision": "p"}
    return Reply(**body, fingerprint="f", served=served, cache=cache, **fields)


def served(number, answer=None, right=None, seconds=1.0):
    expected = None if right is None else Expected(label="x")
    return Served(number, Case(request=Request(input="?"), expected=expected), seconds, answer, right)


def test_each_request_counts_once_for_whoever_answered_it():
    items = [
        served(1, reply(1)),
        served(2, reply(2, variant="large")),
        served(3, reply(3, cache="hit")),
        served(4, reply(4, status="refused", error=ErrorBody(code="residency_refused", message="no"))),
        served(5),
    ]
    summary = summarise("local", items, [], [], {}, GOOD_LOG)
    assert summary.served == {"small": 1, "large": 1, "cache": 1, "refused": 1, "no reply": 1}
    assert not summary.ok


def test_right_answers_time_and_cost_are_those_of_the_gradable_requests():
    items = [
        served(1, reply(1), right=True, seconds=0.5),
        served(2, reply(2, cost=0.002), right=False, seconds=0.25),
        served(3, reply(3, cost=9.0), seconds=99.0),
    ]
    large = [served(1, reply(1, cost=0.01), right=True, seconds=2.0), served(2, reply(2, cost=None), right=True)]
    summary = summarise("local", items, [], large, {}, GOOD_LOG)
    assert summary.cascade == Alone(2, 1, 0.75, 0.003)
    assert summary.large_only == Alone(2, 2, 3.0, None)
    assert summary.small_only.accuracy is None
    assert summary.ok


def record(number, *residency):
    zeros = "0" * 64
    fields = {"producer": "w", "n": number, "prev": zeros, "at": 2.0, "tenant": "t", "request_id": f"r{number}"}
    times = {"received_at": 1.0, "deadline_at": 9.0}
    return AuditRecord(
        **fields,
        **times,
        fingerprint="f",
        lane="interactive",
        status="answered",
        residency=residency,
        policy_revision="p",
    )


def test_what_policy_refused_and_what_it_kept_local_is_told_with_rule_and_reason():
    refusal = ErrorBody(code="residency_refused", message="no target may see it", rule="eu-stays")
    items = [served(1, reply(1, status="refused", error=refusal)), served(2, reply(2)), served(3, reply(3))]
    closed = Residency(target="us-large", action="deny", rule="eu-stays", reason="EU data stays")
    opened = Residency(target="small", action="allow", rule="fine", reason="fine")
    summary = summarise("local", items, [], [], {2: record(2, closed, opened), 3: record(3, opened)}, GOOD_LOG)
    assert summary.kept == (
        Kept(1, "refused", "eu-stays", "no target may see it"),
        Kept(2, "kept local", "eu-stays", "EU data stays"),
    )


def test_a_log_that_does_not_verify_makes_the_whole_run_bad():
    assert not summarise("local", [served(1, reply(1))], [], [], {}, {"ok": False, "problems": 1}).ok


class Answers:
    """A client that answers at once and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    async def ask(self, request):
        self.asked.append(request)
        if request.input == "lost":
            raise NoWorker("nobody is there")
        return reply(len(self.asked), content="x")


async def test_requests_are_asked_in_order_and_a_failure_does_not_end_the_run():
    client = Answers()
    cases = [Case(request=Request(input=text)) for text in ("a", "lost", "b")]
    items = [item async for item in ask_all(client, cases, "run")]
    assert [request.id for request in client.asked] == ["demo-run-1", "demo-run-2", "demo-run-3"]
    assert [item.trouble for item in items] == [None, "nobody is there", None]


async def test_a_baseline_asks_one_variant_alone_without_cache_and_a_repeat_only_once():
    client = Answers()
    known = Case(request=Request(input="a"), expected=Expected(label="x"))
    ungraded = Case(request=Request(input="b"), expected=Expected(status="refused"))
    first = [item async for item in ask_all(client, [known, known, ungraded], "run")]
    client.asked.clear()
    alone = [item async for item in baseline(client, first, "large", "run")]
    assert [(request.pin, request.cache, request.input) for request in client.asked] == [("large", "off", "a")]
    assert [item.right for item in alone] == [True, True]
