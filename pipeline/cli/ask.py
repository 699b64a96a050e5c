"""`stepwell ask` and `stepwell result`: one question, one reply, and the way between them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import ValidationError

from pipeline.adapters.results import StreamResults
from pipeline.audit.read import find
from pipeline.cli.show import console, errors_as_sentences, print_json, run
from pipeline.cli.stairs import because, stairs
from pipeline.client import Client
from pipeline.contracts import AuditRecord, Chunk, JsonObject, Reply, Request
from pipeline.embedded.here import settings_here
from pipeline.errors import DeadlineExceeded, InvalidRequest, NotFound
from pipeline.ports import Link
from pipeline.transport.nats import connect

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="The whole reply as JSON.")]
TenantOption = Annotated[str, typer.Option(help="Whose request it is.")]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    root.command("ask")(ask_command)
    root.command("result")(result_command)


@errors_as_sentences
def ask_command(
    question: Annotated[str, typer.Argument(help="What to ask, or - for standard input.")],
    explain: Annotated[bool, typer.Option("--explain", help="Show the stairs the request took.")] = False,
    route: Annotated[str | None, typer.Option(help="A route or variant; the policy chooses if not given.")] = None,
    origin: Annotated[str | None, typer.Option(help="Where the data comes from, such as EU.")] = None,
    schema: Annotated[Path | None, typer.Option(help="A file with the JSON Schema of the answer.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it is written.")] = False,
    tenant: TenantOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Ask a question and print the answer. A refusal or a failure ends with exit code 1.

    A question that is longer than a command line may be comes over standard input.

    Example: stepwell ask "What is the capital of Portugal?" --explain

    Example: stepwell ask - < letter.txt
    """
    request = _request(_question(question), route, origin, schema)
    reply, record = run(_ask(request, tenant, explain=explain, stream=stream and not as_json))
    _print(reply, record, as_json=as_json, printed=stream and not as_json)


@errors_as_sentences
def result_command(
    request_id: Annotated[str, typer.Argument(help="Id of the request.")],
    tenant: TenantOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Print the stored reply to a request.

    Example: stepwell result 0f3c2a --json
    """
    _print(run(_result(request_id, tenant)), None, as_json=as_json, printed=False)


def _question(word: str) -> str:
    """What is asked, which is something."""
    try:
        question = sys.stdin.buffer.read().decode() if word == "-" else word
    except UnicodeDecodeError:
        raise InvalidRequest("standard input is no UTF-8: mend its encoding", param="input") from None
    if not question.strip():
        raise InvalidRequest("there is nothing to ask: write a question, or - and send it over standard input")
    return question


def _request(question: str, route: str | None, origin: str | None, schema: Path | None) -> Request:
    try:
        return Request(input=question, route=route, origin=origin, response_schema=_schema(schema))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        param = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{param}: {first['msg']}", param=param) from None


def _schema(path: Path | None) -> JsonObject | None:
    if path is None:
        return None
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InvalidRequest(f"{path} is no JSON Schema ({error}); give a file with one JSON object") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path} holds no JSON object; a JSON Schema is one")
    return value


async def _ask(request: Request, tenant: str, *, explain: bool, stream: bool) -> tuple[Reply, AuditRecord | None]:
    link = await connect(settings_here(), name="cli")
    try:
        client = Client(link, tenant)
        reply = await _printed_as_it_comes(client, request) if stream else await client.ask(request)
        return reply, await _record(link, tenant, reply) if explain else None
    finally:
        await link.close()


async def _printed_as_it_comes(client: Client, request: Request) -> Reply:
    reply = None
    async for item in client.stream(request):
        if isinstance(item, Chunk):
            _write(item)
        else:
            reply = item
    if reply is None:
        raise DeadlineExceeded("the answer ended without a reply; ask for it later with stepwell result")
    sys.stdout.write("\n")
    return reply


def _write(chunk: Chunk) -> None:
    sys.stdout.write(chunk.text)
    sys.stdout.flush()


async def _record(link: Link, tenant: str, reply: Reply) -> AuditRecord:
    record, _ = await find(link.streams, StreamResults(link.streams), tenant, reply.id)
    return record


async def _result(request_id: str, tenant: str) -> Reply:
    link = await connect(settings_here(), name="cli")
    try:
        reply = await Client(link, tenant).result(request_id)
    finally:
        await link.close()
    if reply is None:
        raise NotFound(f"there is no reply to {request_id} of tenant {tenant} yet, or its time has passed")
    return reply


def _print(reply: Reply, record: AuditRecord | None, *, as_json: bool, printed: bool) -> None:
    if as_json:
        print_json(_as_json(reply, record))
    else:
        if not printed or reply.status != "answered":
            console.print(_text(reply), markup=False, highlight=False, soft_wrap=True)
        for line in _lines(record):
            console.print(line, highlight=False, soft_wrap=True)
    if reply.status != "answered":
        raise typer.Exit(1)


def _as_json(reply: Reply, record: AuditRecord | None) -> object:
    body = reply.model_dump(mode="json")
    return body if record is None else {"reply": body, "record": record.model_dump(mode="json")}


def _text(reply: Reply) -> str:
    if reply.status == "answered":
        return reply.content if reply.content is not None else orjson.dumps(reply.parsed).decode()
    return f"{reply.status}: {because(reply.error) if reply.error else 'no reason given'}"


def _lines(record: AuditRecord | None) -> Iterator[object]:
    if record is not None:
        yield ""
        yield from stairs(record)
