"""Digests show which prompts begin alike, and nothing to whom the secret is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Message, Request, TextPart
from pipeline.signals.prefix import BLOCKS, draw_of, key_of, prefix_digests, scope_digest, sticky_key

KEY = key_of(b"secret")
SYSTEM = Message(role="system", content="You are a careful assistant. " * 40)


def asked(*texts: str, tenant: str = "acme", **more: object) -> Request:
    messages = (SYSTEM, *(Message(role="user", content=text) for text in texts))
    return Request.model_validate({"messages": messages, "tenant": tenant, **more})


def test_prompts_that_begin_alike_share_their_first_digests() -> None:
    one, other = prefix_digests(asked("a" * 5000), KEY), prefix_digests(asked("b" * 5000), KEY)

    assert one[:3] == other[:3]
    assert not set(one[3:]) & set(other[3:])


def test_a_further_turn_keeps_every_digest_there_was() -> None:
    before, after = prefix_digests(asked("a" * 900), KEY), prefix_digests(asked("a" * 900, "and now?" * 300), KEY)

    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_a_short_prompt_has_none_and_a_long_one_has_a_bounded_number() -> None:
    assert prefix_digests(Request(input="hi"), KEY) == ()
    assert len(prefix_digests(Request(input="x" * 200_000), KEY)) == len(BLOCKS)


@pytest.mark.parametrize(
    "other",
    [
        asked("a" * 900, tenant="other"),
        asked("a" * 900, tools=({"type": "function", "function": {"name": "f"}},)),
        Request(
            tenant="acme",
            messages=(Message(role="user", content=SYSTEM.content), Message(role="user", content="a" * 900)),
        ),
    ],
)
def test_another_tenant_other_tools_or_other_roles_share_nothing(other: Request) -> None:
    assert not set(prefix_digests(asked("a" * 900), KEY)) & set(prefix_digests(other, KEY))


def test_another_secret_gives_other_digests() -> None:
    request = asked("a" * 900)

    assert not set(prefix_digests(request, KEY)) & set(prefix_digests(request, key_of(b"other")))
    assert sticky_key(request, "r", KEY) != sticky_key(request, "r", key_of(b"other"))


def test_the_session_decides_whose_assignment_it_is_then_the_user_then_the_request() -> None:
    session, user, alone = Request(input="x", session="n", user="u"), Request(input="x", user="n"), Request(input="x")

    assert sticky_key(session, "r1", KEY) == sticky_key(session.model_copy(update={"user": None}), "r2", KEY)
    assert sticky_key(user, "r1", KEY) == sticky_key(user, "r2", KEY)
    assert sticky_key(alone, "r1", KEY) != sticky_key(alone, "r2", KEY)
    assert len({sticky_key(session, "n", KEY), sticky_key(user, "n", KEY), sticky_key(alone, "n", KEY)}) == 3
    assert sticky_key(session, "r", KEY) != sticky_key(session.model_copy(update={"tenant": "other"}), "r", KEY)


def test_scopes_of_budgets_are_digests_that_belong_to_a_tenant_and_a_kind() -> None:
    names = {
        scope_digest(tenant, kind, value, KEY)
        for tenant in ("a", "b")
        for kind in ("user", "key")
        for value in ("x", "y")
    }

    assert len(names) == 8
    assert all(name.isalnum() and len(name) == 32 for name in names)


def test_draws_are_spread_evenly_from_zero_to_below_one() -> None:
    draws = [draw_of(f"r{number}", KEY) for number in range(2000)]

    assert all(0.0 <= draw < 1.0 for draw in draws)
    assert 0.45 < sum(draws) / len(draws) < 0.55
    assert draw_of("r1", KEY) == draw_of("r1", KEY) != draw_of("r1", key_of(b"other"))


CUT = st.integers(min_value=1, max_value=1500)


@given(CUT, CUT)
def test_two_prompts_share_exactly_the_blocks_before_they_differ(same: int, rest: int) -> None:
    one = Request(tenant="acme", input="s" * same + "a" * rest)
    two = Request(tenant="acme", input="s" * same + "b" * rest)
    equal_bytes = len("user\x1f") + same
    shared = sum(block <= equal_bytes for block in BLOCKS)
    first, second = prefix_digests(one, KEY), prefix_digests(two, KEY)

    common = [mine == theirs for mine, theirs in zip(first, second, strict=True)]
    assert common == [place < shared for place in range(len(first))]


def test_texts_in_parts_count_as_they_are_sent() -> None:
    whole = Request(messages=(Message(role="user", content="x" * 600),))
    parts = Request(messages=(Message(role="user", content=(TextPart(type="text", text="x" * 600),)),))

    assert prefix_digests(whole, KEY) == prefix_digests(parts, KEY)


def test_a_prompt_that_is_exactly_one_block_long_has_its_digest() -> None:
    around = len("user\x1f") + len("\x1e")

    assert len(prefix_digests(Request(input="x" * (BLOCKS[0] - around)), KEY)) == 1
    assert prefix_digests(Request(input="x" * (BLOCKS[0] - around - 1)), KEY) == ()
