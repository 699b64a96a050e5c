"""Tokens are counted by the target's own tokenizer where it matters, and estimated where it does not or cannot."""

import sys
from pathlib import Path

import orjson
import pytest
from policy_files import MODELS, write

from pipeline.adapters.tokenizers import TokenizerFiles, count, troubles
from pipeline.contracts import Budget, Message, Parameters, Request, ToolCall
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.policy.pricing import worst_cost
from pipeline.signals import input_tokens

tokenizers = pytest.importorskip("tokenizers", reason="the extra tokenizers is not installed")
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]

PRICE = '{input: 1.0, output: 2.0, source: a list, as_of: "2026-11-01"}'


@pytest.fixture(scope="session")
def words() -> bytes:
    """A tokenizer that knows ten words, and one token for every other."""
    vocabulary = {word: number for number, word in enumerate(["?", *WORDS])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.enable_truncation(3)
    return str(made.to_str()).encode()


def policy(folder: Path, data: bytes, window: int = 100) -> Policy:
    own = f"max_output_tokens: 10\n    price: {PRICE}\n    tokenizer: near.json\n    context_window: {window}"
    models = MODELS.replace("context_window: 4096", own, 1)
    write(folder, models=models)
    (folder / "near.json").write_bytes(data)
    return load_folder(folder, {})


def test_every_word_is_counted_even_beyond_the_truncation_of_the_file(words: bytes) -> None:
    assert count(Request(input="one two three four five"), words) == 5 + 4


def test_messages_tool_calls_tools_and_schema_are_all_counted(words: bytes) -> None:
    call = ToolCall(id="1", function={"name": "one"})
    plain = Request(messages=(Message(role="user", content="one"), Message(role="assistant", content="two")))
    more = plain.model_copy(
        update={
            "messages": (*plain.messages, Message(role="assistant", tool_calls=(call,))),
            "tools": ({"type": "function"},),
            "response_schema": {"type": "object"},
        }
    )

    assert count(plain, words) == 2 + 8
    assert count(more, words) > count(plain, words) + 4 + 3 * 4


def test_half_a_surrogate_pair_is_counted_and_no_error(words: bytes) -> None:
    assert count(Request(input="one \ud800 two"), words) == 3 + 4


async def test_a_request_near_the_window_is_counted_and_others_are_not(tmp_path: Path, words: bytes) -> None:
    with_window = policy(tmp_path, words)
    near = Request(input=" ".join(WORDS * 4), parameters=Parameters(max_tokens=10))
    far = Request(input="one", parameters=Parameters(max_tokens=1))
    counter = TokenizerFiles()

    assert await counter.counted(near, input_tokens(near), with_window) == {"near": 44}
    assert await counter.counted(far, input_tokens(far), with_window) == {}


async def test_a_request_near_its_ceiling_of_money_is_counted(tmp_path: Path, words: bytes) -> None:
    wide = policy(tmp_path, words, window=100_000)
    request = Request(input=" ".join(WORDS), parameters=Parameters(max_tokens=1))
    price = wide.targets["near"].price
    cost = worst_cost(price, input_tokens(request), 1)
    capped = request.model_copy(update={"budget": Budget(max_cost_usd=cost)})

    assert await TokenizerFiles().counted(capped, input_tokens(request), wide) == {"near": 14}
    assert await TokenizerFiles().counted(request, input_tokens(request), wide) == {}


async def test_a_broken_file_leaves_the_estimate_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = policy(tmp_path, orjson.dumps({"model": "none"}))
    request = Request(input=" ".join(WORDS * 4))
    counter = TokenizerFiles()

    for _ in range(3):
        assert await counter.counted(request, 90, broken) == {}

    assert [record.message for record in caplog.records] == [
        "near.json: this is no tokenizer.json of Hugging Face; tokens are estimated"
    ]
    assert troubles(broken) == ("tokens of near are estimated: near.json: this is no tokenizer.json of Hugging Face",)


def test_a_missing_package_is_told_with_what_to_install(
    tmp_path: Path, words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = policy(tmp_path, words)
    assert troubles(whole) == ()

    monkeypatch.setitem(sys.modules, "tokenizers", None)

    with pytest.raises(ValueError, match="install the package tokenizers"):
        count(Request(input="x"), words + b"\n")
    monkeypatch.setattr("pipeline.adapters.tokenizers.find_spec", lambda name: None)
    assert "install the package tokenizers" in troubles(whole)[0]
