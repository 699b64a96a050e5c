"""Affinity: what belongs together stays together, and nobody is buried under it."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.experiments.affinity import BOUND, ROOMY, Room, place

NAMES = ["a", "b", "c", "d"]
SERVERS = st.dictionaries(
    st.sampled_from([*NAMES, "e", "f"]), st.builds(Room, slots=st.integers(1, 64), load=st.floats(0, 8)), min_size=1
)
KEYS = [f"prompt-{number}" for number in range(4000)]


def idle(*names: str, slots: int = 8) -> dict[str, Room]:
    return {name: Room(slots) for name in names}


def test_without_load_every_key_has_its_server_and_all_get_their_part() -> None:
    dealt = Counter(place(key, "s", idle(*NAMES)) for key in KEYS)

    assert all(abs(dealt[name] - 1000) < 4 * math.sqrt(1000 * 0.75) for name in NAMES)


def test_a_server_with_more_slots_gets_more_keys() -> None:
    servers = {"small": Room(4), "large": Room(12)}
    share = Counter(place(key, "s", servers) for key in KEYS)["large"] / len(KEYS)

    assert abs(share - 0.75) < 0.03


def test_when_a_server_goes_only_its_keys_move() -> None:
    before = {key: place(key, "s", idle(*NAMES)) for key in KEYS}
    after = {key: place(key, "s", idle("a", "b", "c")) for key in KEYS}

    assert all(after[key] == before[key] for key in KEYS if before[key] != "d")
    assert {after[key] for key in KEYS if before[key] == "d"} == {"a", "b", "c"}


def test_a_server_with_free_slots_is_never_too_busy() -> None:
    servers = idle(*NAMES)
    usual = place("k", "s", servers)
    servers[usual] = Room(8, (8 * ROOMY - 1) / 8)

    assert place("k", "s", servers) == usual


def test_a_busy_server_is_passed_over_for_the_next_of_the_same_ranking() -> None:
    servers = idle(*NAMES)
    usual = place("k", "s", servers)
    rest = {name: room for name, room in servers.items() if name != usual}
    servers[usual] = Room(8, 1.0)

    assert place("k", "s", servers) == place("k", "s", rest)
    assert place("k", "s", servers, bound=math.inf) == usual


@given(st.text(), SERVERS)
def test_whoever_takes_a_call_has_room_and_everybody_agrees(key: str, servers: dict[str, Room]) -> None:
    name = place(key, "s", servers)
    backwards = dict(reversed(list(servers.items())))
    slots = sum(room.slots for room in servers.values())
    running = sum(room.slots * room.load for room in servers.values())
    chosen = servers[name]

    assert place(key, "s", backwards) == name
    if len(servers) > 1:
        fair = math.ceil(BOUND * (running + 1) * chosen.slots / slots)
        assert chosen.slots * chosen.load + 1 <= max(fair, ROOMY * chosen.slots) * (1 + 1e-9)


@given(st.text(), SERVERS, st.floats(0, 1))
def test_nobody_is_loaded_beyond_the_bound_by_a_stream_of_equal_prompts(
    key: str, servers: dict[str, Room], roomy: float
) -> None:
    running = Counter(dict.fromkeys(servers, 0))
    for _ in range(60):
        rooms = {name: Room(room.slots, running[name] / room.slots) for name, room in servers.items()}
        running[place(key, "s", rooms, roomy=roomy)] += 1
    slots = sum(room.slots for room in servers.values())

    for name, room in servers.items():
        assert running[name] <= max(math.ceil(BOUND * 60 * room.slots / slots), roomy * room.slots)


def test_without_a_server_there_is_no_place() -> None:
    with pytest.raises(ValueError, match="no server"):
        place("k", "s", {})
