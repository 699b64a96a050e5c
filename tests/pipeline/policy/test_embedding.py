"""Routes that make vectors: of one encoder, of targets that can, and only for who asks for vectors."""

from pathlib import Path

import pytest
from policy_files import MODELS, ROUTES, swap, write

from pipeline.likeness import ENCODER
from pipeline.policy.guards import encoder_of
from pipeline.policy.load import check_folder, load_folder

VECTORS = """\
  small:
    endpoint: {endpoint}
    model: {model}
    provider: local
    region: here
    jurisdiction: EU
    external: false
    context_window: 512
    capabilities: [{able}]
{more}variants:
  small: {{target: small{variant}}}
"""
EMBEDS = """\
  - name: vectors
    kind: embedding
    tiers:
      - variants: {{{variants}}}
{more}"""


def models(
    endpoint: str = "http://127.0.0.1:3/v1",
    model: str = "e5",
    able: str = "embedding",
    more: str = "",
    variant: str = "",
) -> str:
    own = VECTORS.format(endpoint=endpoint, model=model, able=able, more=more, variant=variant)
    return swap(MODELS, "variants:\n", own)


def found(folder: Path, models: str, variants: str = "small: 1", more: str = "", examples: str = "") -> list[str]:
    routes = ROUTES + EMBEDS.format(variants=variants, more=more) + examples
    return [str(problem) for problem in check_folder(write(folder, models=models, routes=routes), {}).problems]


def test_a_route_that_makes_vectors_stands_beside_one_that_takes_everything(tmp_path: Path) -> None:
    examples = "examples:\n  - {given: {}, expect: chat}\n  - {given: {embeds: true}, expect: vectors}\n"
    assert found(tmp_path, models(), examples=examples) == []


def test_a_second_one_that_nothing_comes_to_is_refused(tmp_path: Path) -> None:
    again = EMBEDS.format(variants="small: 1", more="").replace("vectors", "others")
    (problem,) = found(tmp_path, models(), more=again)
    assert "nothing comes to this route: the route vectors before it" in problem


@pytest.mark.parametrize(
    ("given", "variants", "more", "said"),
    [
        (models(), "near: 1", "", "near makes no vectors"),
        (models(), "small: 1", "    accept: {confidence: 0.5}\n", "this is about answers"),
        (models(), "small: 1", "    cache: {semantic: {within: user}}\n", "not remembered by likeness"),
        (models(variant=", system: Be brief."), "small: 1", "", "no prompt is sent with texts to embed"),
        (models(more="    vectors: {dimensions: 0}\n"), "small: 1", "", "vectors.dimensions"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, given: str, variants: str, more: str, said: str) -> None:
    (problem,) = found(tmp_path, given, variants, more)
    assert said in problem


def test_a_route_that_answers_takes_nobody_who_makes_vectors(tmp_path: Path) -> None:
    routes = swap(ROUTES, "{near: 1}", "{small: 1}")
    (problem,) = check_folder(write(tmp_path, models=models(), routes=routes), {}).problems
    assert "small makes vectors and does not answer; give the route the kind embedding" in str(problem)


def test_who_makes_vectors_goes_by_no_batch_of_a_provider(tmp_path: Path) -> None:
    """Only calls of models that answer do."""
    (problem,) = found(tmp_path, models(more="    batches: {}\n"))
    assert "only models that answer are called by a provider's batch, and no encoder; leave it out" in problem


@pytest.mark.parametrize(("encoder", "refused"), [("", True), (", encoder: e5", False), (", encoder: other", True)])
def test_vectors_of_two_encoders_do_not_meet_in_a_route(tmp_path: Path, encoder: str, refused: bool) -> None:
    more = "    vectors: {dimensions: 64}\n"
    second = VECTORS.format(endpoint="http://127.0.0.1:4/v1", model="hosted-e5", able="embedding", more="", variant="")
    second = second.replace("  small:\n", "  second:\n").partition("variants:")[0]
    second += f"    vectors: {{dimensions: 64{encoder}}}\n"
    both = swap(models(more=more), "variants:\n", f"{second}variants:\n  second: {{target: second}}\n")
    problems = found(
        tmp_path,
        both,
        "small: 1",
        "    max_escalations: 0\n".replace("    max", "        fallbacks: [second]\n    max"),
    )
    assert [("cannot be compared" in problem) for problem in problems] == ([True] if refused else [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (models('"builtin:"', ENCODER), ""),
        (models('"builtin:"', "e5"), "has one model, all-minilm-l6-v2-int8"),
        (models('"builtin:"', ENCODER, "embedding, chat"), "makes vectors and nothing else"),
        (models('"builtin:"', ENCODER, more="    vectors: {dimensions: 64}\n"), "its vectors have 384 numbers"),
        (models("builtin", ENCODER), "or be builtin:"),
    ],
)
def test_the_encoder_that_comes_along_is_one_and_makes_nothing_else(tmp_path: Path, given: str, said: str) -> None:
    problems = found(tmp_path, given)
    assert len(problems) == bool(said)
    assert all(said in problem for problem in problems)


def test_who_makes_no_vectors_has_nothing_to_say_of_them(tmp_path: Path) -> None:
    told = swap(MODELS, "    context_window: 4096\n  far", "    context_window: 4096\n    vectors: {}\n  far")
    (problem,) = check_folder(write(tmp_path, models=told), {}).problems
    assert "it makes no vectors: add embedding to its capabilities" in str(problem)


def semantic(embedder: str) -> str:
    return f"{ROUTES}    cache: {{semantic: {{embedder: {embedder}}}}}\n"


def test_the_embedder_of_remembered_questions_makes_vectors(tmp_path: Path) -> None:
    folder = write(tmp_path, models=models(), routes=semantic("small"))
    policy = load_folder(folder, {})
    spec = policy.routes[0].spec.cache.semantic
    assert spec is not None
    assert encoder_of(spec, policy.variants, policy.targets) == "e5"
    for name, said in (("near", "near makes no vectors"), ("smal", "no such variant: smal (did you mean small?)")):
        (problem,) = check_folder(write(tmp_path, models=models(), routes=semantic(name)), {}).problems
        assert said in str(problem)


def test_a_guard_that_was_fitted_with_another_encoder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "guards").mkdir()
    body = '{"kind": "guard", "encoder": "%s", "similarity": 0.5, "bias": -3, "threshold": 0.9, "measures": {}}'
    routes = semantic("small, guard_file: guards/g.json")
    for encoder, fits in (("e5", True), (ENCODER, False)):
        (tmp_path / "guards/g.json").write_text(body % encoder)
        checked = check_folder(write(tmp_path, models=models(), routes=routes), {})
        assert (checked.policy is not None) is fits
        assert fits or f"fitted with the encoder {ENCODER}, and this route compares with e5" in str(checked.problems[0])
