"""What a request consists of is counted over all of it, in either form."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import ImagePart, Message, Request, TextPart, ToolCall
from pipeline.signals import input_tokens, output_tokens, prompt_tokens, survey


def test_the_short_form_and_one_message_are_the_same() -> None:
    short, long = Request(input="Grüße"), Request(messages=(Message(role="user", content="Grüße"),))

    for name in ("message_count", "turns", "characters", "tokens", "said", "has_system", "modalities"):
        assert getattr(survey(short), name) == getattr(survey(long), name)


def test_everything_in_a_conversation_is_seen() -> None:
    picture = ImagePart(type="image_url", image_url={"url": "data:"})
    call = ToolCall(id="1", function={"name": "f", "arguments": "{}"})
    request = Request(
        messages=(
            Message(role="developer", content="be brief"),
            Message(role="user", content=(TextPart(type="text", text="what"), picture)),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="42", tool_call_id="1"),
            Message(role="user", content="so?"),
        ),
    )
    seen = survey(request)

    assert (seen.message_count, seen.turns, seen.characters) == (5, 2, 8 + 4 + 2 + 2 + 3)
    assert (seen.has_system, seen.has_tools, seen.has_tool_results, seen.has_images) == (True, True, True, True)
    assert seen.modalities == ("image",)
    assert seen.said[1] == ("user", "what")
    assert survey(Request(input="x")).modalities == ()


def test_tokens_are_estimated_from_bytes_messages_images_tools_and_schema() -> None:
    assert input_tokens(Request(input="a" * 30)) == 10 + 4
    assert input_tokens(Request(input="ä" * 30)) == 20 + 4
    with_schema = Request(input="a" * 30, response_schema={"a": 1})
    assert input_tokens(with_schema) == 10 + 3 + 4
    picture = Message(role="user", content=(ImagePart(type="image_url", image_url={"url": "x" * 9999}),))
    assert input_tokens(Request(messages=(picture,))) == 1024 + 4


def test_a_prompt_of_a_variant_adds_its_tokens() -> None:
    assert (prompt_tokens(None), prompt_tokens(""), prompt_tokens("abc"), prompt_tokens("äää")) == (0, 0, 5, 6)


def test_an_answer_is_as_long_as_asked_and_never_longer_than_the_target_can() -> None:
    assert output_tokens(None, None, 100) == 100
    assert output_tokens(None, 50, 100) == 50
    assert output_tokens(20, 50, 100) == 20
    assert output_tokens(500, 50, 100) == 100


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text(max_size=50)), min_size=1, max_size=5)
)
def test_tokens_cover_every_byte(said: list[tuple[str, str]]) -> None:
    request = Request.model_validate({"messages": tuple({"role": role, "content": text} for role, text in said)})
    size = sum(len(text.encode("utf-8", "surrogatepass")) for _, text in said)

    assert survey(request).tokens >= size / 3
    assert survey(request).characters == sum(len(text) for _, text in said)
