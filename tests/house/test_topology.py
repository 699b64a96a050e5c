"""The cascade as a table: every stage is reached, every way ends, and nothing turns for ever."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import topology
from pipeline.contracts import NAME_PATTERN, Attempt, MadeFor, StageName, Step, is_name
from pipeline.layout import MAX_DELIVERIES, MAX_FAILURES, STREAMS, consumers, stream_of
from pipeline.topology import ANY_OUTCOMES, DONE, FIRST, LANES, LAST, ROWS, STAGES, TRANSITIONS, advance, outcomes_of
from pipeline.transport.memory import matches

Graph = Mapping[StageName, set[StageName]]


def successors(transitions: Mapping[tuple[StageName, str], StageName]) -> Graph:
    graph: dict[StageName, set[StageName]] = {stage: set() for stage in STAGES}
    for (stage, _), target in transitions.items():
        graph[stage].add(target)
    return graph


def reachable(graph: Graph, start: StageName) -> set[StageName]:
    found: set[StageName] = set()
    waiting = [start]
    while waiting:
        stage = waiting.pop()
        if stage not in found:
            found.add(stage)
            waiting.extend(graph[stage])
    return found


def has_cycle(graph: Graph) -> bool:
    return any(stage in reachable(graph, target) for stage in graph for target in graph[stage])


def without(graph: Graph, removed: StageName) -> Graph:
    return {stage: targets - {removed} for stage, targets in graph.items() if stage != removed}


GRAPH = successors(TRANSITIONS)


def test_every_stage_is_reached_from_the_first() -> None:
    """No stage stands beside the road."""
    assert reachable(GRAPH, FIRST) == set(STAGES)


def test_the_end_is_reached_from_every_stage() -> None:
    """Wherever a request is, it can still end."""
    assert all(LAST in reachable(GRAPH, stage) for stage in STAGES)


def test_every_outcome_leads_somewhere_that_exists() -> None:
    """Each outcome of each stage has a next stage, and only the last one ends the request."""
    for stage in STAGES:
        assert outcomes_of(stage)
        for outcome in outcomes_of(stage):
            following = advance(stage, outcome)
            assert (following is None) is (stage == LAST)
            assert following is None or following in STAGES


def test_every_cycle_passes_escalate_or_asks_for_more() -> None:
    """Two ways close a circle: escalate, bounded by the plan, and check that asks for more, bounded by the policy."""
    assert has_cycle(GRAPH)
    asking = {("check", "unsure")}
    decided = successors({way: target for way, target in TRANSITIONS.items() if way not in asking})
    assert not has_cycle(without(decided, "escalate"))
    assert has_cycle(without(GRAPH, "escalate"))


def test_the_test_of_cycles_would_find_one() -> None:
    """Another way back from check would be noticed."""
    decided = {way: target for way, target in TRANSITIONS.items() if way != ("check", "unsure")}
    looping = successors({**decided, ("check", "again"): "recall"})
    assert has_cycle(without(looping, "escalate"))


def test_every_stage_before_the_last_may_refuse_fail_expire_and_be_cancelled() -> None:
    """Whoever stops a request sends it to audit: nothing ends without a record."""
    for stage in STAGES:
        if stage != LAST:
            assert {advance(stage, outcome) for outcome in ANY_OUTCOMES} == {LAST}


def test_an_outcome_outside_the_table_is_a_defect() -> None:
    """The runner learns of it by a KeyError; there is no default way."""
    with pytest.raises(KeyError):
        advance("draft", "accepted")
    with pytest.raises(KeyError):
        advance(LAST, "refused")
    assert advance(LAST, DONE) is None


@given(st.data())
def test_a_walk_with_bounded_escalations_and_questions_ends(data: st.DataObject) -> None:
    """However the stages decide, a request takes one step for each stage on its way, and two for each way back.

    One more escalation than the plan allows is possible: a draft that was unavailable escalates on its own account; and
    so does each further call that would end so.
    """
    left, asks = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 7))
    most = len(STAGES) - 1 + 2 * (left + 1) + 4 * asks
    stage: StageName | None = FIRST
    steps = 0
    while stage is not None:
        outcomes = outcomes_of(stage)
        if stage == "check" and left <= 0:
            outcomes = tuple(outcome for outcome in outcomes if advance(stage, outcome) != "escalate")
        if stage == "check" and asks <= 0:
            outcomes = tuple(outcome for outcome in outcomes if outcome != "unsure")
        if stage == "escalate":
            left -= 1
        outcome = data.draw(st.sampled_from(outcomes))
        asks -= outcome == "unsure"
        stage = advance(stage, outcome)
        steps += 1
        assert steps <= most


def _distinct(names: Iterable[str]) -> bool:
    listed = list(names)
    return len(set(listed)) == len(listed)


def test_every_stage_has_a_queue_in_every_lane() -> None:
    """Subjects and consumers are derived from the table, one for each, all inside the stream of work."""
    places = [(lane, stage, row) for lane in LANES for stage in STAGES for row in range(1 + ROWS[lane])]
    assert [(spec.lane, spec.stage, spec.row) for spec in consumers()] == places
    assert _distinct(spec.name for spec in consumers())
    assert all(is_name(spec.name) for spec in consumers())
    assert {stream_of(topology.row_subject(*place, "shop")) for place in places} == {"STEPS"}


def test_whatever_is_handed_in_stands_in_one_row() -> None:
    """Work that no consumer hands out would wait for ever; what two hand out is no queue of work for NATS."""
    subjects = [topology.step_subject(lane, stage) for lane in LANES for stage in STAGES]
    subjects += [topology.row_subject(spec.lane, spec.stage, spec.row, "shop") for spec in consumers()]
    for subject in subjects:
        assert len([one for spec in consumers() for one in spec.subjects if matches(one, subject)]) == 1


@given(st.from_regex(NAME_PATTERN).map(str.strip), st.from_regex(NAME_PATTERN).map(str.strip))
def test_no_two_tenants_share_a_subject(one: str, other: str) -> None:
    """A subject names exactly one tenant, as its second or third token, whatever its id."""
    for subject in (
        topology.result_subject(one, other),
        topology.audit_subject(one, other),
        topology.outcome_subject(one, other),
    ):
        assert subject.split(".")[1:] == [one, other]
    assert topology.request_subject("ask", one).split(".")[2] == one


def test_streams_do_not_overlap() -> None:
    """Every subject has one home."""
    assert _distinct(pattern.split(".")[0] for stream in STREAMS for pattern in stream.subjects)
    with pytest.raises(LookupError):
        stream_of("request.ask.default")


def test_a_dying_worker_gets_more_patience_than_a_raising_stage() -> None:
    """A message that met the death of its workers is tried longer than one whose stage raises each time."""
    assert MAX_DELIVERIES > MAX_FAILURES > 1


def test_the_drawing_shows_every_transition() -> None:
    """Each entry of the table is an arrow of the diagram; those that all stages share are one dotted arrow."""
    drawing = topology.mermaid()
    for (stage, outcome), target in TRANSITIONS.items():
        if outcome in ANY_OUTCOMES and (stage, outcome) != ("plan", "refused"):
            continue
        assert f"    {stage} -->|{outcome}| {target}\n" in drawing
    assert " · ".join(ANY_OUTCOMES) in drawing


def _step(stage: StageName, outcome: str) -> Step:
    return Step(stage=stage, outcome=outcome, at=1.0, duration_ms=1.0, worker="w")


def _attempt(number: int, stage: StageName, tier: int, made_for: MadeFor = "answer") -> Attempt:
    return Attempt(number=number, stage=stage, tier=tier, variant="v", target="t", model="m", made_for=made_for)


def test_calls_stand_at_the_step_in_which_they_were_made() -> None:
    """A wait made none; a step whose variant failed made the calls of its fallbacks too; an escalation goes deeper."""
    trail = [_step("plan", "planned"), _step("draft", "postponed"), _step("draft", "drafted")]
    trail += [_step("escalate", "escalated"), _step("check", "rejected"), _step("escalate", "postponed")]
    trail += [_step("escalate", "escalated"), _step("audit", "recorded")]
    attempts = [_attempt(1, "draft", 0), _attempt(2, "draft", 0), _attempt(3, "escalate", 1)]
    attempts += [_attempt(4, "escalate", 2), _attempt(5, "escalate", 2)]
    made = topology.calls_of(trail, attempts)
    assert [[attempt.number for attempt in each] for each in made] == [[], [], [1, 2], [3], [], [], [4, 5], []]
    assert topology.calls_of(trail[:2], []) == ((), ())


def test_further_calls_stand_at_the_step_that_made_them() -> None:
    """Two turns in a row are two steps, one that was not permitted made none, and an escalation keeps its own."""
    asked = [_step("draft", "drafted").model_copy(update={"facts": {"made_for": "x", "made": n}}) for n in (1, 0, 2)]
    trail = [_step("draft", "drafted"), *asked, _step("escalate", "escalated")]
    attempts = [_attempt(1, "draft", 0), _attempt(2, "draft", 0, "repair"), _attempt(3, "draft", 0, "samples")]
    attempts += [_attempt(4, "draft", 0, "samples"), _attempt(5, "escalate", 1)]
    made = topology.calls_of(trail, attempts)
    assert [[attempt.number for attempt in each] for each in made] == [[1], [2], [], [3, 4], [5]]


def test_a_wait_is_no_outcome_and_is_kept_apart_from_the_queues() -> None:
    """The table stays total: a stage that let a request wait has not decided."""
    assert not [outcome for _, outcome in TRANSITIONS if outcome == topology.POSTPONED]
    assert LAST not in topology.WAITING
    kept = {topology.later_subject(lane, stage, "t.r.4.1") for lane in LANES for stage in topology.WAITING}
    assert len(kept) == len(LANES) * len(topology.WAITING)
    assert {stream_of(subject) for subject in kept} == {"STEPS"}
    patterns = [subject for spec in consumers() for subject in spec.subjects]
    assert not [one for one in kept for pattern in patterns if matches(pattern, one)]
