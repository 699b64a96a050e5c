"""Guards of likeness: files that belong to the set, and what is refused of them."""

from pathlib import Path

import orjson
import pytest
from policy_files import ROUTES, swap, write

from pipeline.likeness import ENCODER, Weights
from pipeline.likeness.weights import LEARNED_CHECKS
from pipeline.policy.load import check_folder, load_bundle, load_folder, read_folder

GOOD = {
    "kind": "guard",
    "encoder": ENCODER,
    "similarity": 0.7,
    "bias": -3.0,
    "threshold": 0.9,
    "measures": {"similarity": 8.0},
    "checks": list(LEARNED_CHECKS),
    "words": {"now": 0.5},
    "source": "learned from 900 questions",
    "fitted": "2026-11-01",
    "questions": 900,
}
TOO_LONG = b" " * (2**20 + 1)


def folder(place: Path, *, body: bytes | None = None, path: str = "guards/chat.json", **changed: object) -> Path:
    """The small set, with a guard for its route; a value of None leaves the key out."""
    named = f'    match: "true"\n    cache: {{semantic: {{guard_file: {path}}}}}\n'
    write(place, routes=swap(ROUTES, '    match: "true"\n', named))
    (place / "guards").mkdir(exist_ok=True)
    kept = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    (place / "guards/chat.json").write_bytes(orjson.dumps(kept) if body is None else body)
    return place


def test_a_guard_belongs_to_its_route(tmp_path: Path) -> None:
    """And weighs what the file says."""
    guard = load_folder(folder(tmp_path), {}).routes[0].guard
    assert guard is not None
    path, _, digest = guard.name.partition("@")
    assert (path, len(digest)) == ("guards/chat.json", 16)
    assert guard.weights == Weights(
        -3.0, 0.9, {"similarity": 8.0}, LEARNED_CHECKS, {"now": 0.5}, "learned from 900 questions"
    )


def test_no_file_switches_off_what_nothing_learned_may_outweigh(tmp_path: Path) -> None:
    """It may only forbid more; and one that is older than a check is read as if it named it."""
    guard = load_folder(folder(tmp_path, checks=["words"]), {}).routes[0].guard
    assert guard is not None
    assert guard.weights.checks == (*LEARNED_CHECKS, "words")


def test_what_it_holds_counts_for_the_revision_and_its_name(tmp_path: Path) -> None:
    """Another guard is another revision, so that no record speaks of both."""
    sets = [load_folder(folder(tmp_path / str(bias), bias=bias), {}) for bias in (-3.0, -4.0)]
    assert len({policy.revision for policy in sets}) == 2
    assert len({policy.routes[0].guard.name for policy in sets if policy.routes[0].guard}) == 2


def test_it_travels_with_the_set(tmp_path: Path) -> None:
    """Workers that read the applied set judge alike."""
    there = load_folder(folder(tmp_path), {})
    here = load_bundle(read_folder(tmp_path), {})
    assert here.revision == there.revision
    assert here.routes[0].guard == there.routes[0].guard


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"kind": "platt"}, "is no guard: kind: must be 'guard'"),
        ({"bias": "x"}, "is no guard: bias: must be a number"),
        ({"bias": None}, "is no guard: bias: the key is missing"),
        ({"threshold": 0.0}, "is no guard: threshold: must be more than 0"),
        ({"threshold": 1.1}, "is no guard: threshold: must be at most 1"),
        ({"measures": {"charm": 1.0}}, "is no guard: no measure or check of the guard is called charm"),
        ({"checks": [*LEARNED_CHECKS, "charm"]}, "is no guard: no measure or check of the guard is called charm"),
        ({"words": {"now": None}}, "is no guard: words.now: must be a number"),
        ({"charm": 1}, "is no guard: charm: no such key"),
        ({"body": orjson.dumps(GOOD).replace(b"-3.0", b"NaN")}, "is no guard: bias: "),
        ({"body": orjson.dumps(GOOD).replace(b"-3.0", b"1e999")}, "is no guard: bias: "),
        ({"body": b"{"}, "is no guard: invalid JSON"),
        ({"body": b"[" * 100_000}, "is no guard: "),
        ({"body": b"\xff"}, "is no guard: "),
        ({"body": TOO_LONG}, "is larger than 1048576 bytes"),
        (
            {"similarity": 0.71},
            "was fitted to candidates of a similarity of 0.71 and more, and this route takes them fr",
        ),
        ({"similarity": None}, "is no guard: similarity: the key is missing"),
        ({"encoder": "bge-small"}, f"was fitted with the encoder bge-small, and this route compares with {ENCODER}"),
    ],
)
def test_what_is_no_guard_is_refused_where_it_is_named(
    tmp_path: Path, changed: dict[str, object], because: str
) -> None:
    """With file, line and column."""
    (problem,) = check_folder(folder(tmp_path, **changed), {}).problems  # type: ignore[arg-type]  # body is bytes
    assert (problem.file, problem.path) == (str(tmp_path / "routes.yaml"), "routes[0].cache.semantic.guard_file")
    assert problem.place.line == 6
    assert problem.text.startswith(f"guards/chat.json {because}")


def test_a_guard_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As is one outside of the folder."""
    for path in ("guards/other.json", "../chat.json"):
        (problem,) = check_folder(folder(tmp_path, path=path), {}).problems
        assert problem.path == "routes[0].cache.semantic.guard_file"
