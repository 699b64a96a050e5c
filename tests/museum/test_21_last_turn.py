"""Museum 21: a hard prompt must not land on the cheapest tier because only the last user turn was read.

Happened to vLLM Semantic Router (#1458) and LiteLLM (#37910).
"""

from pathlib import Path

import pytest
from policy_files import ROUTES, write

from pipeline.contracts import Message, Request
from pipeline.policy.facts import facts_of_signals, request_facts
from pipeline.policy.load import load_folder
from pipeline.policy.observed import signals_of

HARD = (
    "Prove that the schedule below is optimal, derive a bound, and compare it with the greedy one. You must not assume "
    "that jobs are sorted. First state the invariant, then justify every step.\n```python\ndef schedule(jobs): ...\n```"
)
BY_COMPLEXITY = ROUTES.replace(
    """  - name: chat
    match: "true"
""",
    """  - name: hard
    match: req.complexity >= 0.5
    tiers:
      - variants: {far: 1}
  - name: chat
    match: "true"
""",
)


def conversation(*turns: str) -> Request:
    messages = [Message(role="user", content=HARD), Message(role="assistant", content="It is optimal, since …")]
    return Request(messages=(*messages, *(Message(role="user", content=turn) for turn in turns)))


@pytest.mark.parametrize("last", ["and now?", "ok", "thanks!", "", "👍", "continue", "x " * 20_000])
def test_a_short_last_turn_does_not_send_a_hard_conversation_to_the_cheap_route(tmp_path: Path, last: str) -> None:
    policy = load_folder(write(tmp_path, routes=BY_COMPLEXITY), {})
    request = conversation(last)
    signals = signals_of(request, None, policy, secret=b"s", request_id="r")

    for facts in (request_facts(request), facts_of_signals(signals)):
        choice = policy.route_for(facts)
        assert choice.route is not None
        assert choice.route.spec.name == "hard"


def test_a_plain_question_takes_the_cheap_route(tmp_path: Path) -> None:
    policy = load_folder(write(tmp_path, routes=BY_COMPLEXITY), {})
    choice = policy.route_for(request_facts(Request(input="What is the capital of France?")))

    assert choice.route is not None
    assert choice.route.spec.name == "chat"


def test_many_trivial_turns_take_nothing_back(tmp_path: Path) -> None:
    policy = load_folder(write(tmp_path, routes=BY_COMPLEXITY), {})
    scores = [
        signals_of(conversation(*["ok"] * turns), None, policy, secret=b"s", request_id="r").complexity
        for turns in range(30)
    ]

    assert scores == sorted(scores)
