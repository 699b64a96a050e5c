"""Keys in files of a policy and in reasons are found, and never repeated."""

import pytest

from pipeline.errors import ChangeRefused
from pipeline.revisions.changes import signed
from pipeline.revisions.secrets import keys_in, without_keys

KEY = "sk-" + "proj-" + "a8Kd93jfL2mQ0xZr7TyVbN4wEuHs6GcP1oI5"


@pytest.mark.parametrize("line", [f"# old: {KEY}", f"system: use {KEY} if asked", f"extra: {{note: {KEY}}}"])
def test_a_key_is_found_in_comments_prompts_and_values(line: str) -> None:
    (problem,) = keys_in({"models.yaml": f"kind: Models\n{line}\n".encode(), "far.json": b"\xff" * 300_000}, "p")

    assert (problem.file, problem.place.line, problem.place.column) == ("p/models.yaml", 2, line.index("sk-") + 1)
    assert "a key does not belong into a file" in problem.text
    assert KEY not in str(problem)


def test_a_variable_is_no_key() -> None:
    assert list(keys_in({"models.yaml": b"api_key: ${OPENAI_API_KEY}\n"})) == []


def test_a_reason_with_a_key_is_refused_since_the_history_stays() -> None:
    with pytest.raises(ChangeRefused, match="why: this looks like a key") as caught:
        signed("ann", f"the new key is {KEY}", 1.0)

    assert KEY not in caught.value.message


def test_what_is_shown_of_a_line_holds_no_key() -> None:
    assert without_keys(f"+    note: {KEY} end") == "+    note: *** end"
