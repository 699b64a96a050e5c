"""Files beside the policies belong to the set: read within bounds, checked, and part of the revision."""

from pathlib import Path

import pytest
from policy_files import FILES, MODELS, ROUTES, swap, write

from pipeline.errors import PolicyInvalid
from pipeline.policy.files import BundleFiles, FolderFiles, Unreadable
from pipeline.policy.load import check_folder, load_bundle, load_folder, read_folder
from pipeline.policy.text import MAX_BYTES

SCHEMA = b'{"type": "object", "required": ["total"]}'


def with_prompt(path: str = "prompts/near.txt") -> str:
    return swap(MODELS, "near: {target: near}", f"near: {{target: near, system_file: {path}}}")


def with_schema(path: str = "schemas/total.json") -> str:
    return swap(ROUTES, '    match: "true"\n', f'    match: "true"\n    response_schema_file: {path}\n')


def put(folder: Path, path: str, body: bytes) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(body)


def refusal(folder: Path) -> str:
    (problem,) = check_folder(folder, {}).problems
    return str(problem).replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def test_a_prompt_in_a_file_is_the_prompt_of_its_variant(tmp_path: Path) -> None:
    write(tmp_path, models=with_prompt())
    put(tmp_path, "prompts/near.txt", "Antworte kurz.\nÄ\n".encode())

    policy = load_folder(tmp_path, {})

    assert policy.variants["near"].system == "Antworte kurz.\nÄ"
    assert policy.variants["far"].system is None
    assert policy.attached == {"prompts/near.txt": "Antworte kurz.\nÄ\n".encode()}


def test_a_schema_in_a_file_belongs_to_its_route(tmp_path: Path) -> None:
    write(tmp_path, routes=with_schema())
    put(tmp_path, "schemas/total.json", SCHEMA)

    route = load_folder(tmp_path, {}).route("chat")

    assert route is not None
    assert route.response_schema == {"type": "object", "required": ["total"]}


def test_what_stands_in_a_file_counts_for_the_revision(tmp_path: Path) -> None:
    found = set()
    for number, body in enumerate((b"Be short.", b"Be long.")):
        write(tmp_path / str(number), models=with_prompt())
        put(tmp_path / str(number), "prompts/near.txt", body)
        found.add(load_folder(tmp_path / str(number), {}).revision)

    assert len(found) == 2


def test_a_set_in_memory_is_the_set_in_its_folder(tmp_path: Path) -> None:
    write(tmp_path, models=with_prompt(), routes=with_schema())
    put(tmp_path, "prompts/near.txt", b"Be short.")
    put(tmp_path, "schemas/total.json", SCHEMA)
    put(tmp_path, "notes.md", b"not a part of it")

    files = read_folder(tmp_path)

    assert set(files) == {*FILES, "prompts/near.txt", "schemas/total.json"}
    there, here = load_folder(tmp_path, {}), load_bundle(files, {})
    assert here.revision == there.revision
    assert here.variants == there.variants


def test_a_set_in_memory_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, models=with_prompt())

    with pytest.raises(PolicyInvalid) as caught:
        load_bundle(read_folder(tmp_path), {}, name="r-1")

    assert caught.value.message == (
        "r-1/models.yaml:21:37: variants.near.system_file: prompts/near.txt is not among the files of the set"
    )


@pytest.mark.parametrize(
    "path",
    ["../near.txt", "/etc/hostname", "prompts/../../near.txt", "./near.txt", "a//b", "a/", ".git/config", "a\\b", "C:x",
     "~/x", "'$HOME/x'", "'a b'", "x" * 600],
)  # fmt: skip
def test_a_path_stays_within_the_folder(tmp_path: Path, path: str) -> None:
    write(tmp_path, models=with_prompt(path))
    (tmp_path.parent / "near.txt").write_text("outside")

    assert "is no path inside the policy folder; write one such as prompts/labels.txt" in refusal(tmp_path)


def test_a_link_stays_within_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    folder = write(tmp_path / "set", models=with_prompt("near.txt"))
    (folder / "near.txt").symlink_to(outside)
    assert "near.txt leads out of the policy folder; put the file there" in refusal(folder)

    (folder / "near.txt").unlink()
    put(folder, "data/one.txt", b"Be short.")
    (folder / "near.txt").symlink_to(folder / "data/one.txt")
    assert load_folder(folder, {}).variants["near"].system == "Be short."


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (None, "is no file in the policy folder FOLDER"),
        (b"\xff\xfe", "is not UTF-8 text; save it as UTF-8"),
        (b" \n", "is empty; leave system_file out where there is no prompt"),
        (b"x" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES} bytes"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused_where_it_is_named(
    tmp_path: Path, body: bytes | None, because: str
) -> None:
    write(tmp_path, models=with_prompt())
    if body is not None:
        put(tmp_path, "prompts/near.txt", body)

    assert refusal(tmp_path) == f"models.yaml:21:37: variants.near.system_file: prompts/near.txt {because}"


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (b"[1]", "is no JSON Schema: it must be a JSON object"),
        (b"{", "is no JSON (line 1, column 2)"),
        (b'{"type": 3}', "is no JSON Schema, see type"),
        (b'{"$schema": "http://x/y"}', "names a dialect ($schema) that is not known here"),
        (b'{"$ref": "http://x/y.json#/a"}', "refers to http://x/y.json#/a, outside of itself"),
        (b'{"title": "\xff"}', "is not UTF-8 text; save it as UTF-8"),
        (b'{"a":' * 70 + b"{}" + b"}" * 70, "is nested deeper than 64 levels"),
        (b'{"description": "' + b"x" * 70_000 + b'"}', "is larger than 65536 bytes"),
    ],
)
def test_a_schema_that_is_none_is_refused(tmp_path: Path, body: bytes, because: str) -> None:
    write(tmp_path, routes=with_schema())
    put(tmp_path, "schemas/total.json", body)

    assert f"routes[0].response_schema_file: schemas/total.json {because}" in refusal(tmp_path)


def test_a_prompt_stands_in_one_place(tmp_path: Path) -> None:
    write(tmp_path, models=swap(with_prompt(), "system_file:", "system: Hello, system_file:"))
    put(tmp_path, "prompts/near.txt", b"Be short.")

    assert "there is a text in system already; keep one of the two" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("key", "part", "because"),
    [
        ("tokenizer", "models", "t.json is no tokenizer: it must be a JSON object, as tokenizer.json is"),
        ("difficulty_file", "routes", "t.json holds no learned score"),
    ],
)
def test_a_tokenizer_and_a_learned_score_are_looked_into(tmp_path: Path, key: str, part: str, because: str) -> None:
    texts = {
        "models": swap(MODELS, "    model: near-model\n", f"    model: near-model\n    {key}: t.json\n"),
        "routes": swap(ROUTES, "routes:\n", f"{key}: t.json\nroutes:\n"),
    }
    write(tmp_path, **{part: texts[part]})
    put(tmp_path, "t.json", b"[]")

    assert because in refusal(tmp_path)


def test_the_largest_file_of_each_kind_counts_even_where_two_kinds_name_the_same(tmp_path: Path) -> None:
    """A tokenizer may be large; named as a prompt too, it is a prompt that is too large."""
    models = swap(with_prompt("t.json"), "    model: near-model\n", "    model: near-model\n    tokenizer: t.json\n")
    write(tmp_path, models=models)
    put(tmp_path, "t.json", b'{"a": "' + b"x" * MAX_BYTES + b'"}')

    assert "t.json is larger than" in refusal(tmp_path)


def test_files_below_the_folder_are_no_policies(tmp_path: Path) -> None:
    write(tmp_path)
    put(tmp_path, "old/routes.yaml", b"nonsense")

    assert set(FolderFiles(tmp_path).policies()) == set(FILES)
    assert set(BundleFiles({"old/routes.yaml": b"", "routes.yaml": b""}).policies()) == {"routes.yaml"}


def test_an_empty_bundle_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="there is no policy file"):
        load_bundle({"readme.md": b""}, {})
    with pytest.raises(Unreadable):
        BundleFiles({"../x": b"y"}).attached("../x", 10)
