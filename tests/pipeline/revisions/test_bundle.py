"""All files of a policy set as one thing, named by their content."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_files import MODELS, swap, write

from pipeline.errors import PolicyInvalid, Unreadable
from pipeline.policy.load import load_folder
from pipeline.revisions import bundle as module
from pipeline.revisions.bundle import PART, Bundle, FileEntry, digest_of, joined, manifest_from, packed

PROMPT = swap(MODELS, "near: {target: near}", "near: {target: near, system_file: prompts/near.txt}")


def with_prompt(folder: Path, text: str) -> Bundle:
    write(folder, models=PROMPT)
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "near.txt").write_text(text)
    return Bundle.of_folder(folder)


def test_a_bundle_holds_the_files_that_are_named_and_no_others(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEY=secret")
    (tmp_path / "notes.txt").write_text("mine")
    bundle = with_prompt(tmp_path, "Be brief.")

    assert sorted(bundle.files) == [
        "limits.yaml", "models.yaml", "prompts/near.txt", "residency.yaml", "routes.yaml",
    ]  # fmt: skip


def test_a_bundle_makes_the_policy_that_its_folder_makes(tmp_path: Path) -> None:
    bundle = with_prompt(tmp_path, "Be brief.")

    assert bundle.policy({}).revision == load_folder(tmp_path, {}).revision


def test_any_byte_of_any_file_counts_for_its_name_and_the_place_of_the_folder_does_not(tmp_path: Path) -> None:
    one = with_prompt(tmp_path / "one", "Be brief.")
    same = with_prompt(tmp_path / "two", "Be brief.")
    other = with_prompt(tmp_path / "one", "Be brief!")

    assert one.digest == same.digest
    assert one.digest != other.digest
    assert Bundle({"a": b"bc"}).digest != Bundle({"ab": b"c"}).digest


def test_another_prompt_is_another_revision(tmp_path: Path) -> None:
    one = with_prompt(tmp_path, "Be brief.").policy({})
    other = with_prompt(tmp_path, "Be kind.").policy({})

    assert one.revision != other.revision


def test_more_than_can_be_stored_is_refused_with_the_largest_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BUNDLE", 100)
    with pytest.raises(PolicyInvalid, match=r"bytes together and 100 can be stored; the largest is models\.yaml"):
        Bundle.of_folder(write(tmp_path))
    monkeypatch.setattr(module, "MAX_FILES", 2)
    with pytest.raises(PolicyInvalid, match="there are 4 files and 2 can be stored"):
        Bundle.of_folder(tmp_path)


@given(st.binary(max_size=200), st.integers(0, 3))
def test_what_is_cut_up_can_be_put_together(start: bytes, parts: int) -> None:
    body = start + b"x" * (parts * PART)
    cut = packed(body)

    assert len(cut) == max(1, -(-len(body) // PART))
    assert joined(cut, entry(body, len(cut)), "f") == body


def test_noise_that_cannot_be_compressed_fits_into_a_value_too() -> None:
    noise = b"".join(bytes.fromhex(digest_of(str(number).encode())) for number in range(PART // 32 + 1))

    assert all(len(part) < 1_000_000 for part in packed(noise))


def entry(body: bytes, parts: int = 1) -> FileEntry:
    return FileEntry(digest=digest_of(body), size=len(body), parts=parts)


@pytest.mark.parametrize("parts", [[b""], [b"no zlib"], packed(b"other"), [], packed(b"x" * 4 * PART)])
def test_damaged_parts_are_told(parts: list[bytes]) -> None:
    with pytest.raises(Unreadable, match="file f of the stored policy is damaged"):
        joined(parts, entry(b"body"), "f")


def test_a_part_is_never_blown_up_beyond_its_size() -> None:
    import zlib

    bomb = zlib.compress(b"0" * 50_000_000)

    assert len(module.unpacked(bomb)) <= PART + 1


@pytest.mark.parametrize("body", [b"", b"{}", b'{"files": {}}', b'{"files": {"a": {"digest": "x"}}}'])
def test_a_list_of_files_that_is_none_is_told(body: bytes) -> None:
    with pytest.raises(Unreadable):
        manifest_from(body)
