"""What may be done with policies: who, in which order, and what comes of it."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ChangeRefused, NotFound
from pipeline.policy.models import Changes
from pipeline.revisions.changes import (
    FOLDER,
    KEPT,
    LINE,
    PROPOSALS,
    Current,
    Event,
    Named,
    Signed,
    apply,
    approve,
    release,
    rollback,
    same_person,
    signed,
    weaker,
)

FREE = Changes()
PAIR = Changes(approvals=1)


def named(number: int, rules: Changes = FREE) -> Named:
    return Named(revision=f"{number:016x}", bundle=f"{number:064x}", rules=rules)


A, B, C = named(1), named(2), named(3)


def by(who: str, rules: Changes = FREE) -> Signed:
    return Signed(signed(who, "a reason", 1.0), rules)


def applied(*revisions: Named) -> Current:
    current = Current()
    for revision in revisions:
        current = apply(current, revision, by("ann"))
    return current


# ---------------------------------------------------------------- alone


def test_at_first_the_folder_governs() -> None:
    assert Current().in_force is None


def test_what_is_applied_governs_and_the_event_says_who_when_and_why() -> None:
    current = apply(Current(), A, Signed(signed("ann", "cheaper", 5.0), FREE))

    assert current.in_force == A
    assert current.last is not None
    assert (current.last.kind, current.last.number, current.last.before, current.last.in_force) == ("apply", 1, None, A)
    assert (current.last.by.who, current.last.by.at, current.last.by.why) == ("ann", 5.0, "cheaper")


def test_applying_what_is_in_force_changes_nothing() -> None:
    current = applied(A)

    assert apply(current, A, by("bob")) is current


def test_another_bundle_of_the_same_revision_is_a_change() -> None:
    other = A.model_copy(update={"bundle": "f" * 64})

    assert apply(applied(A), other, by("bob")).number == 2


def test_an_apply_that_expects_something_else_is_refused() -> None:
    with pytest.raises(ChangeRefused, match=f"{B.revision} is in force and not {A.revision}"):
        apply(applied(A, B), C, by("ann"), expect=A.revision)
    with pytest.raises(ChangeRefused, match="is in force and not folder"):
        apply(applied(A), C, by("ann"), expect=FOLDER)
    assert apply(applied(A), C, by("ann"), expect=A.revision).in_force == C


def test_rolling_back_goes_back_one_step_at_a_time() -> None:
    current = rollback(applied(A, B, C), None, by("ann"))
    assert current.in_force == B
    assert rollback(current, None, by("ann")).in_force == A


def test_before_the_first_revision_there_is_nothing_to_roll_back_to() -> None:
    for current in (applied(A), Current()):
        with pytest.raises(NotFound, match="no revision is known that governed before this"):
            rollback(current, None, by("ann"))


def test_a_rollback_goes_over_a_release_to_the_revision_that_governed_before() -> None:
    released = release(applied(A, B), by("ann"))
    assert rollback(released, None, by("ann")).in_force == B

    current = apply(released, C, by("ann"))
    assert rollback(current, None, by("ann")).in_force == B
    again = apply(released, B, by("ann"))
    assert rollback(again, None, by("ann")).in_force == A, "the same revision twice is one step"
    assert rollback(rollback(current, None, by("ann")), None, by("ann")).in_force == A


def test_after_a_rollback_and_an_apply_the_next_rollback_returns_to_what_was_in_force_before() -> None:
    current = rollback(applied(A, B), None, by("ann"))
    current = apply(current, C, by("ann"))

    assert rollback(current, None, by("ann")).in_force == A


def test_a_revision_that_stands_no_longer_in_the_line_can_be_rolled_back_to_by_name() -> None:
    current = rollback(applied(A, B), A, by("ann"))
    current = rollback(current, B, by("ann"))

    assert current.in_force == B
    assert rollback(current, None, by("ann")).in_force == A


def test_a_release_hands_back_to_the_folder_and_the_same_again_changes_nothing() -> None:
    current = release(applied(A, B), by("ann"))

    assert current.in_force is None
    assert release(current, by("ann")) is current
    assert apply(current, A, by("ann")).in_force == A


def test_what_governed_lately_is_known_newest_first_and_no_longer_than_needed() -> None:
    many = [named(number) for number in range(1, KEPT + 4)]
    current = applied(*many, many[-2])

    assert current.recent[:2] == (many[-2], many[-1])
    assert len(current.recent) == KEPT
    assert len(applied(*[named(number) for number in range(1, LINE + 5)]).line) == LINE


@pytest.mark.parametrize(
    ("who", "why"), [("", "x"), (" \t", "x"), ("ann", "\n"), ("a" * 200, "x"), ("ann", "x" * 2000)]
)
def test_nobody_and_no_reason_are_refused(who: str, why: str) -> None:
    with pytest.raises(ChangeRefused):
        signed(who, why, 0.0)


def test_control_characters_do_not_get_into_the_history() -> None:
    signature = signed("ann\x1b[31m", "line one\nline\u202etwo", 0.0)

    assert (signature.who, signature.why) == ("ann [31m", "line one line two")


# ---------------------------------------------------------------- two persons


def test_where_consent_is_needed_an_apply_is_a_proposal_and_changes_nothing_in_force() -> None:
    current = apply(applied(A), B, by("ann", PAIR))

    assert current.in_force == A
    assert current.last is not None
    assert (current.last.kind, current.last.to, current.last.in_force) == ("propose", B, A)


def test_the_last_consent_puts_it_into_force_and_the_event_names_who_consented() -> None:
    two = Changes(approvals=2)
    current = apply(applied(A), B, by("ann", two))
    current = approve(current, B.revision, by("bob", two))
    assert current.in_force == A
    current = approve(current, B.revision, by("cid", two))

    assert (current.in_force, current.proposals) == (B, ())
    assert current.last is not None
    assert current.last.with_consent_of == ("bob", "cid")


@pytest.mark.parametrize("again", ["ann", "Ann", " ANN ", "\uff41nn"])
def test_nobody_approves_what_he_proposed_however_he_writes_his_name(again: str) -> None:
    current = apply(applied(A), B, by("ann", PAIR))

    with pytest.raises(ChangeRefused, match="somebody else must approve"):
        approve(current, B.revision, by(again, PAIR))


def test_the_same_person_counts_once() -> None:
    two = Changes(approvals=2)
    current = approve(apply(applied(A), B, by("ann", two)), B.revision, by("bob", two))

    assert approve(current, B.revision, by("Bob", two)) is current


def test_only_approvers_approve() -> None:
    rules = Changes(approvals=1, approvers=("cid",))
    current = apply(applied(A), B, by("ann", rules))

    with pytest.raises(ChangeRefused, match="bob is no approver: cid are"):
        approve(current, B.revision, by("bob", rules))
    assert approve(current, B.revision, by("Cid", rules)).in_force == B


def test_a_proposal_that_nobody_could_approve_is_refused_at_once() -> None:
    rules = Changes(approvals=1, approvers=("ann",))

    with pytest.raises(ChangeRefused, match="only 0 may"):
        apply(applied(A), B, by("ann", rules))


def test_a_policy_that_nobody_could_ever_change_is_refused() -> None:
    with pytest.raises(ChangeRefused, match="could never be changed again"):
        apply(applied(A), named(2, Changes(approvals=2, approvers=("bob", "Bob"))), by("ann"))


def test_what_was_proposed_against_another_revision_lapses() -> None:
    current = apply(applied(A), B, by("ann", PAIR))
    current = apply(current, C, by("eve", PAIR))
    current = approve(current, C.revision, by("bob", PAIR))

    assert current.last is not None
    assert current.last.lapsed == (B.revision,)
    with pytest.raises(NotFound, match="lapsed"):
        approve(current, B.revision, by("bob", PAIR))


def test_a_newer_proposal_of_the_same_person_takes_the_place_of_the_older() -> None:
    current = apply(apply(applied(A), B, by("ann", PAIR)), C, by("ann", PAIR))

    assert [proposal.to for proposal in current.proposals] == [C]


def test_who_proposes_what_another_proposed_is_told_to_approve_it() -> None:
    current = apply(applied(A), B, by("ann", PAIR))

    assert apply(current, B, by("ann", PAIR)) is current
    with pytest.raises(ChangeRefused, match=r"ann proposed .* already: approve it"):
        apply(current, B, by("bob", PAIR))


def test_the_list_of_proposals_is_bounded() -> None:
    current = applied(A)
    for number in range(PROPOSALS):
        current = apply(current, named(100 + number), by(f"p{number}", PAIR))

    with pytest.raises(ChangeRefused, match="wait already"):
        apply(current, B, by("ann", PAIR))


def test_handing_back_to_the_folder_needs_consent_like_any_change() -> None:
    current = release(applied(A), by("ann", PAIR))

    assert current.in_force == A
    assert approve(current, FOLDER, by("bob", PAIR)).in_force is None


def test_a_rollback_needs_no_consent_unless_the_rules_ask_for_it() -> None:
    strict = Changes(approvals=1, rollback_needs_approval=True)
    older, newer = named(1, strict), named(2, PAIR)

    assert rollback(applied(older, newer), None, by("ann", PAIR)).in_force == older
    waiting = rollback(applied(older, newer), None, by("ann", strict))
    assert waiting.in_force == newer
    assert approve(waiting, older.revision, by("bob", strict)).line == (older,)


def test_a_rollback_to_weaker_rules_needs_consent() -> None:
    """Otherwise one person could go back to a time before there were two."""
    current = rollback(applied(A, B), None, by("ann", PAIR))

    assert current.in_force == B
    assert current.proposed(A.revision) is not None


@pytest.mark.parametrize(
    ("rules", "than", "is_weaker"),
    [
        (FREE, FREE, False),
        (FREE, PAIR, True),
        (PAIR, FREE, False),
        (PAIR, Changes(approvals=1, approvers=("bob",)), True),
        (Changes(approvals=1, approvers=("eve",)), Changes(approvals=1, approvers=("bob",)), True),
        (Changes(approvals=1, approvers=("BOB",)), Changes(approvals=1, approvers=("bob", "cid")), False),
        (PAIR, Changes(approvals=1, rollback_needs_approval=True), True),
    ],
)
def test_weaker_rules_are_those_that_fewer_or_others_must_meet(rules: Changes, than: Changes, is_weaker: bool) -> None:
    assert weaker(rules, than) is is_weaker


# ---------------------------------------------------------------- whatever people do

PEOPLE = ("ann", "Ann", "bob", "cid", "dee")
RULES = st.builds(
    Changes,
    approvals=st.integers(0, 2),
    approvers=st.sampled_from([(), ("bob", "cid"), ("ann", "bob", "dee")]),
    rollback_needs_approval=st.booleans(),
)
ACTS = st.tuples(
    st.sampled_from(["apply", "approve", "rollback", "back", "release"]),
    st.sampled_from(PEOPLE),
    st.integers(1, 5),
)


@dataclass
class Town:
    """A bucket of which every write is remembered. Each revision has its own rules."""

    rules: dict[int, Changes]
    current: Current = field(default_factory=Current)
    history: list[Event] = field(default_factory=list)

    def act(self, what: str, who: str, number: int) -> None:
        in_force = self.current.in_force
        wanted, own = named(number, self.rules[number]), by(who, FREE if in_force is None else in_force.rules)
        before = self.current
        try:
            after = {
                "apply": lambda: apply(before, wanted, own),
                "approve": lambda: approve(before, FOLDER if number == 5 else wanted.revision, own),
                "rollback": lambda: self.back(wanted, own),
                "back": lambda: rollback(before, None, own),
                "release": lambda: release(before, own),
            }[what]()
        except (ChangeRefused, NotFound):
            return
        if after != before:
            assert after.last is not None
            self.history.append(after.last)
            self.current = after

    def back(self, wanted: Named, own: Signed) -> Current:
        if wanted not in [event.in_force for event in self.history]:
            raise NotFound("never in force")
        return rollback(self.current, wanted, own)


@given(st.fixed_dictionaries(dict.fromkeys(range(1, 6), RULES)), st.lists(ACTS, max_size=40))
def test_whatever_people_do_the_history_is_whole_and_nobody_approves_himself(
    rules: dict[int, Changes], acts: list[tuple[str, str, int]]
) -> None:
    town = Town(rules)
    for act in acts:
        before = town.current
        town.act(*act)
        if town.current is not before:
            _one_step(town, before)
    assert [event.number for event in town.history] == list(range(1, len(town.history) + 1))
    assert town.current.number == len(town.history)
    chain = [None, *(event.in_force for event in town.history)]
    assert [event.before for event in town.history] == chain[:-1]


def _one_step(town: Town, before: Current) -> None:
    """What is in force changed only with as many consents of others as the rules in force ask for."""
    event, current = town.history[-1], town.current
    rules = FREE if before.in_force is None else before.in_force.rules
    assert event.in_force == current.in_force
    assert current.in_force is None or current.in_force == current.line[-1] == current.recent[0]
    for proposal in current.proposals:
        assert not any(same_person(proposal.by.who, given.who) for given in proposal.approvals)
        assert len(proposal.approvals) < max(1, rules.approvals)
    if event.in_force == event.before:
        return
    assert current.proposals == ()
    if event.kind == "approve":
        others = {who.casefold() for who in event.with_consent_of}
        assert len(others) == len(event.with_consent_of) >= rules.approvals
        proposal = before.proposed(FOLDER if event.to is None else event.to.revision)
        assert proposal is not None
        assert proposal.by.who.casefold() not in others
        assert rules.approvers == () or others <= set(rules.approvers)
    elif event.kind == "rollback":
        assert event.in_force is not None
        assert not rules.approvals or not weaker(event.in_force.rules, rules)
        assert not (rules.approvals and rules.rollback_needs_approval)
    else:
        assert rules.approvals == 0
