"""`/v1/embeddings` as the packages that people use see it."""

from collections.abc import AsyncIterator

import openai
import pytest
from fakes_door import FakeAsker, Names, answered, ended

from pipeline.contracts import Reply, Request, Usage
from pipeline.contracts.vectors import packed
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening


def scripted(request: Request) -> Reply:
    """A vector for each text: its length, and one half."""
    assert request.embed is not None
    first = request.embed.texts[0]
    if first.startswith("!"):
        return ended(request, "failed", first[1:])
    rows = tuple(packed([float(len(text)), 0.5]) for text in request.embed.texts)
    return answered(request, None, embeddings=rows, usage=Usage(input_tokens=5), cache="off")


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = build_door(lambda _: FakeAsker(scripted), Names(routes=("vectors",)))
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


async def test_the_official_client_reads_both_forms(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        for more in ({}, {"encoding_format": "float"}):
            made = await client.embeddings.create(model="vectors", input=["a", "four"], **more)  # type: ignore[arg-type]
            assert [list(each.embedding) for each in made.data] == [[1.0, 0.5], [4.0, 0.5]]
            assert (made.usage.total_tokens, made.data[1].index) == (5, 1)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("context_length_exceeded", openai.BadRequestError),
        ("rate_limited", openai.RateLimitError),
        ("target_unavailable", openai.InternalServerError),
        ("request_too_large", openai.APIStatusError),
    ],
)
async def test_it_raises_its_own_exceptions(address: str, code: str, kind: type[openai.APIStatusError]) -> None:
    async with openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        with pytest.raises(kind) as caught:
            await client.embeddings.create(model="vectors", input=f"!{code}")
        assert caught.value.code == code


async def test_langchain_sends_texts_where_it_is_told_to(address: str) -> None:
    langchain = pytest.importorskip("langchain_openai")
    own = {"model": "vectors", "base_url": address, "api_key": "none", "max_retries": 0}
    vectors = langchain.OpenAIEmbeddings(**own, check_embedding_ctx_length=False)
    assert await vectors.aembed_documents(["a", "four"]) == [[1.0, 0.5], [4.0, 0.5]]
