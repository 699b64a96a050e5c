"""`stepwell ask`: what a terminal may hand in, and how it ends."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE

import orjson
import pytest
import typer
from click.testing import Result
from desk import Desk
from servers import NatsServer, provisioned
from typer.testing import CliRunner

from pipeline.cli import ask
from pipeline.errors import InvalidRequest
from pipeline.ports import Incoming


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, ask)


@pytest.mark.parametrize("words", [("caf\udce9",), ("hello", "--route", "\udcff"), ("hello", "--origin", "\udcff")])
def test_bytes_of_a_terminal_that_are_no_utf_8_are_told_in_one_sentence(desk: Desk, words: tuple[str, ...]) -> None:
    desk.given()
    shown = desk.types("ask", *words)
    assert shown.exit_code == 1
    assert shown.stderr.startswith("invalid_request: ")
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("word", "sent", "told"),
    [
        ("", b"", "there is nothing to ask"),
        (" \n", b"", "there is nothing to ask"),
        ("-", b"\n", "there is nothing to ask"),
        ("-", b"\xff\xfeh\x00", "standard input is no UTF-8"),
    ],
)
def test_nothing_is_asked_of_nobody(word: str, sent: bytes, told: str) -> None:
    shown = _typed(word, sent)
    assert shown.exit_code == 1
    assert shown.stderr.startswith(f"invalid_request: {told}")


def test_a_question_longer_than_a_command_line_comes_over_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ended(question: str, *_: object) -> None:
        asked.append(question)
        raise InvalidRequest("enough is known")

    monkeypatch.setattr(ask, "_request", ended)
    assert "enough is known" in _typed("-", "wort für wort ".encode() * 100_000).stderr
    assert asked == ["wort für wort " * 100_000]


def _typed(word: str, sent: bytes) -> Result:
    root = typer.Typer()
    ask.register(root)
    return CliRunner().invoke(root, ["ask", word], input=sent)


def test_a_failure_is_json_where_json_was_asked_for(desk: Desk) -> None:
    desk.given()
    shown = desk.types("ask", "hello", "--json")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert orjson.loads(shown.stderr)["error"]["code"] == "no_worker"


@pytest.mark.parametrize("form", ["--json", "--stream"])
async def test_who_interrupts_a_question_takes_it_back_and_sees_no_traceback(nats: NatsServer, form: str) -> None:
    link = await provisioned(nats)
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def take(incoming: Incoming) -> None:
        await link.publish(str(incoming.reply_to), b'{"accepted":"x"}')
        asked.set()

    async def hear(_: Incoming) -> None:
        cancelled.set()

    await link.serve("stepwell", "1.0.0", {"request.ask.*": take})
    await link.subscribe("cancel.*.*", hear)
    command = [sys.executable, "-m", "stages", "ask", "hello", form]
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "STEPWELL_NATS": nats.url}, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        await asked.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        await cancelled.wait()
    assert (process.returncode, out, err) == (130, b"", b"")
    await link.close()


@pytest.mark.parametrize(("content", "status", "code"), [("w0 w1 w2", "answered", 0), ("v0 v1 v2", "failed", 1)])
async def test_what_is_printed_as_it_comes_is_the_answer_or_ends_with_exit_code_1(
    nats: NatsServer, content: str, status: str, code: int
) -> None:
    """Of a worker that was lost in the middle of its answer: the one that counts is the same, or another."""
    link = await provisioned(nats)
    reply = {"id": "x", "tenant": "default", "status": "answered", "content": content}
    reply |= {"policy_revision": "p", "fingerprint": "f"}

    async def take(incoming: Incoming) -> None:
        for body in ({"accepted": "x"}, {"seq": 0, "text": "w0"}, {"seq": 1, "text": " w1"}, reply):
            await link.publish(str(incoming.reply_to), orjson.dumps(body))

    await link.serve("stepwell", "1.0.0", {"request.ask.*": take})
    command = [sys.executable, "-m", "stages", "ask", "hello", "--stream"]
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "STEPWELL_NATS": nats.url}, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == code, err
    assert out.decode().startswith("w0 w1 w2\n" if status == "answered" else "w0 w1\nfailed: ")
    await link.close()
