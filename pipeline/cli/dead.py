"""`stepwell dead`: messages that no worker could handle. Look at them, try them again, drop them."""

import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import orjson
import typer
from pydantic import ValidationError

from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.contracts import DeadLetter, Envelope, ErrorBody, parse_envelope
from pipeline.embedded.here import settings_here
from pipeline.errors import InvalidRequest, NotFound, Unreadable
from pipeline.ports import Stored, Streams
from pipeline.topology import LAST, STAGES, dead_subject, step_subject
from pipeline.transport.nats import connect

__all__ = ["Letter", "describe", "drop", "letters", "register", "retry", "select"]

DEAD: Final = "DEAD"

Letter = tuple[DeadLetter, Stored]
T = TypeVar("T")

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
IdsArgument = Annotated[list[str] | None, typer.Argument(help="Ids or place numbers, as `dead list` shows them.")]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]
StageOption = Annotated[str | None, typer.Option(help="Only those of this stage.")]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, retry, drop.")
    group.command("list")(list_command)
    group.command("show")(show_command)
    group.command("retry")(retry_command)
    group.command("drop")(drop_command)
    root.add_typer(group, name="dead")


# ---------------------------------------------------------------- over streams


async def letters(streams: Streams, stage: str | None = None) -> list[Letter]:
    """All dead letters, oldest first."""
    subject = None if stage is None else f"dead.{stage}"
    return [(_letter(stored), stored) async for stored in streams.scan(DEAD, subject=subject)]


def _letter(stored: Stored) -> DeadLetter:
    try:
        return DeadLetter.model_validate_json(stored.body)
    except ValidationError:
        return _damaged(stored)


def _damaged(stored: Stored) -> DeadLetter:
    """A stand-in for a letter that is none, so that it can be listed and dropped."""
    reason = ErrorBody(code="unreadable", message="the dead letter itself cannot be read: it can only be dropped")
    stage = next((name for name in STAGES if dead_subject(name) == stored.subject), LAST)
    return DeadLetter.model_construct(
        id=f"damaged-{stored.sequence}",
        stage=stage,
        lane="interactive",
        subject=stored.subject,
        attempts=0,
        reason=reason,
        at=stored.at,
        worker="",
        envelope="",
    )


def select(found: list[Letter], ids: list[str] | None, *, every: bool) -> list[Letter]:
    """The letters that a person named.

    Raises:
        InvalidRequest: neither ids nor all were asked for.
        NotFound: an id is not among them.
    """
    if every:
        return found
    if not ids:
        raise InvalidRequest("no dead letter was named: give ids as `stepwell dead list` shows them, or --all")
    known = {name: pair for pair in found for name in (pair[0].id, str(pair[1].sequence))}
    missing = [name for name in ids if name not in known]
    if missing:
        raise NotFound(f"there is no dead letter {', '.join(missing)}: see `stepwell dead list`")
    return list({pair[1].sequence: pair for pair in (known[name] for name in ids)}.values())


async def retry(streams: Streams, letter: DeadLetter, stored: Stored, now: float) -> None:
    """Put the message back into its queue, then remove the letter. Doing it twice queues it once.

    A deadline that has passed begins anew with the same span, for else the retry could only expire.
    """
    body = _renewed(_body(letter), now)
    await streams.append(step_subject(letter.lane, letter.stage), body, once=f"retry.{letter.id}.{stored.sequence}")
    await streams.delete(DEAD, stored.sequence)


async def drop(streams: Streams, stored: Stored) -> bool:
    """Remove a letter. False: it is gone already."""
    return await streams.delete(DEAD, stored.sequence)


def _body(letter: DeadLetter) -> bytes:
    if letter.withheld is not None:
        advice = "its caller has to ask again, and the letter can be dropped"
        raise NotFound(f"the message of dead letter {letter.id} was not kept ({letter.withheld}): {advice}")
    try:
        body = b64decode(letter.envelope, validate=True)
    except Base64Error:
        body = b""
    if not body:
        raise Unreadable(f"the message inside dead letter {letter.id} is damaged: it can only be dropped")
    return body


def _renewed(body: bytes, now: float) -> bytes:
    envelope = _envelope(body)
    if envelope is None or envelope.deadline_at > now:
        return body
    span = envelope.deadline_at - envelope.received_at
    fresh = envelope.model_copy(update={"deadline_at": now + span})
    return fresh.model_dump_json(exclude_none=True).encode()


def _envelope(body: bytes) -> Envelope | None:
    try:
        return parse_envelope(body)
    except ValidationError:
        return None


def describe(letter: DeadLetter, stored: Stored) -> dict[str, object]:
    """What may be shown of a letter without showing the request."""
    return {
        "place": stored.sequence,
        "id": letter.id,
        "stage": letter.stage,
        "lane": letter.lane,
        "tenant": letter.tenant,
        "request": letter.request_id,
        "attempts": letter.attempts,
        "code": letter.reason.code,
        "reason": letter.reason.message,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(letter.at)),
        "worker": letter.worker,
        "bytes": len(letter.envelope) * 3 // 4,
        "withheld": letter.withheld,
    }


# ---------------------------------------------------------------- verbs


@errors_as_sentences
def list_command(stage: StageOption = None, as_json: JsonOption = False) -> None:
    """List dead letters.

    Example: stepwell dead list --stage draft
    """
    rows = [describe(*pair) for pair in _run(lambda streams: letters(streams, stage))]
    print_rows(rows, ("place", "id", "stage", "request", "attempts", "code", "reason", "at"), as_json=as_json)


@errors_as_sentences
def show_command(
    letter_id: Annotated[str, typer.Argument(help="Id or place number.")],
    envelope: Annotated[
        bool, typer.Option("--envelope", help="Also the message, with the text of the request.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter; the text of the request only when asked for.

    Example: stepwell dead show 12 --json
    """
    letter, stored = select(_run(letters), [letter_id], every=False)[0]
    shown = describe(letter, stored)
    if envelope:
        shown["envelope"] = _readable(_body(letter))
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        console.print(f"{name:>9}  {value}", markup=False, highlight=False)


def _readable(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="backslashreplace")


@errors_as_sentences
def retry_command(ids: IdsArgument = None, every: AllOption = False, stage: StageOption = None) -> None:
    """Put dead letters back into the queue of the stage that could not handle them.

    Example: stepwell dead retry --all --stage draft
    """
    chosen = select(_run(lambda streams: letters(streams, stage)), ids, every=every)
    _run(lambda streams: _retry_each(streams, chosen))
    console.print(f"{len(chosen)} put back into their queues", highlight=False)


@errors_as_sentences
def drop_command(
    ids: IdsArgument = None,
    every: AllOption = False,
    stage: StageOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove dead letters for good.

    Example: stepwell dead drop 12 13 --yes
    """
    chosen = select(_run(lambda streams: letters(streams, stage)), ids, every=every)
    if chosen and not yes:
        typer.confirm(f"Drop {len(chosen)} dead letters for good?", abort=True)
    _run(lambda streams: _drop_each(streams, chosen))
    console.print(f"{len(chosen)} dropped", highlight=False)


async def _retry_each(streams: Streams, chosen: list[Letter]) -> None:
    for letter, stored in chosen:
        await retry(streams, letter, stored, time.time())


async def _drop_each(streams: Streams, chosen: list[Letter]) -> None:
    for _, stored in chosen:
        await drop(streams, stored)


def _run(work: Callable[[Streams], Awaitable[T]]) -> T:
    return run(_with_streams(work))


async def _with_streams(work: Callable[[Streams], Awaitable[T]]) -> T:
    link = await connect(settings_here(), name="cli")
    try:
        return await work(link.streams)
    finally:
        await link.close()
