"""`stepwell keys`: who may call the HTTP door, and what they may."""

import os
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, cast, get_args

import typer
from rich.markup import escape
from rich.panel import Panel

from pipeline.adapters.keys import KeyStore
from pipeline.cli.keys_text import duration_of, moment_of, row_of
from pipeline.cli.show import Misused, console, errors_as_sentences, print_json, print_rows, run, warn
from pipeline.contracts import Lane, is_name
from pipeline.embedded.here import settings_here
from pipeline.embedded.in_force import in_force_here
from pipeline.errors import StepwellError
from pipeline.keys import LANES, SCOPES, KeyLimits, KeyRecord, KeySecret, Scope, digest_of, public_id, token_of
from pipeline.keys.token import ENTROPY_BYTES, PUBLIC_BYTES
from pipeline.transport.nats import connect

__all__ = ["register"]

T = TypeVar("T")
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
KeyArgument = Annotated[str, typer.Argument(help="Public id of the key, or its name where one key alone has it.")]
_COLUMNS = ("id", "name", "tenants", "scopes", "routes", "lanes", "limits", "expires", "last used", "state")


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="Keys of callers: make, list, rotate and revoke them.")
    group.callback()(_group)
    for name, command in (
        ("create", create_command),
        ("list", list_command),
        ("show", show_command),
        ("rotate", rotate_command),
        ("revoke", revoke_command),
    ):
        group.command(name)(command)
    root.add_typer(group, name="keys")


def _group() -> None:
    """Keys of callers: make, list, rotate and revoke them."""


@errors_as_sentences
def create_command(
    name: Annotated[str, typer.Argument(help="What people call it, such as the program that uses it.")],
    tenant: Annotated[list[str] | None, typer.Option(help="Whose requests it brings; again for more.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(SCOPES)}; again for more. All.")] = None,
    route: Annotated[list[str] | None, typer.Option(help="Route or variant it may ask; again for more. All.")] = None,
    lane: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(LANES)}; again for more. Both.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: 90d, 12h, or 2027-01-31. Never.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Requests in a minute.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens in a minute.")] = None,
    concurrent: Annotated[int | None, typer.Option(min=1, help="Requests at a time, at one process.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once, here; what is kept is a digest of it.

    Example: stepwell keys create billing-service --tenant acme --scope chat --scope models --route support

    Example: stepwell keys create nightly --tenant acme --lane batch --scope files --scope batches --expires 90d
    """
    now = time.time()
    public = public_id(secrets.token_bytes(PUBLIC_BYTES))
    token = token_of(public, secrets.token_bytes(ENTROPY_BYTES))
    record = KeyRecord(
        id=public,
        name=_printable(name),
        tenants=_names(tenant or ["default"], "--tenant"),
        scopes=cast("tuple[Scope, ...]", _of(scope, SCOPES, "--scope")),
        routes=_names(route, "--route") if route else None,
        lanes=cast("tuple[Lane, ...]", _of(lane, get_args(Lane), "--lane")),
        limits=KeyLimits(requests_per_minute=requests, tokens_per_minute=tokens, concurrent=concurrent),
        created_at=now,
        expires_at=moment_of(expires, now, "--expires") if expires else None,
        secrets=(KeySecret(digest=digest_of(token).hex(), made_at=now),),
    )
    run(_with(lambda store: store.add(record)))
    _reveal(record, token, now, as_json=as_json)
    if record.routes is not None:
        run(_warn_of(record.routes))


@errors_as_sentences
def list_command(
    tenant: Annotated[str | None, typer.Option(help="Only keys of this tenant.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were revoked or have expired.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the keys, without their secrets, which nobody has.

    Example: stepwell keys list --tenant acme --json
    """
    now = time.time()

    async def read(store: KeyStore) -> list[dict[str, Any]]:
        found = [record for record in await store.all() if tenant is None or tenant in record.tenants]
        shown = [record for record in found if every or record.standing(now) == "active"]
        return [row_of(record, await store.used_at(record.id), now, for_people=not as_json) for record in shown]

    rows = run(_with(read))
    if not rows and not as_json:
        console.print("there is no key; make one with stepwell keys create <name>", highlight=False)
        return
    print_rows(rows, _COLUMNS, as_json=as_json, whole=("id",))


@errors_as_sentences
def show_command(key: KeyArgument, as_json: JsonOption = False) -> None:
    """Show one key: what it opens, its limits, its secrets' ages, its last use.

    Example: stepwell keys show billing-service
    """
    now = time.time()

    async def read(store: KeyStore) -> tuple[KeyRecord, float | None]:
        record = await store.find(key)
        return record, await store.used_at(record.id)

    record, used = run(_with(read))
    if as_json:
        print_json(row_of(record, used, now, for_people=False))
        return
    rows = [{"field": name, "value": value} for name, value in row_of(record, used, now, for_people=True).items()]
    print_rows(rows, ("field", "value"), as_json=False)


@errors_as_sentences
def rotate_command(
    key: KeyArgument,
    overlap: Annotated[str, typer.Option(help="How long the old secret is still taken: 24h, 30m, 0s.")] = "24h",
    as_json: JsonOption = False,
) -> None:
    """Give a key a new secret. The id, and with it budgets and records, stay; the old secret is taken for a while.

    Example: stepwell keys rotate billing-service --overlap 1h
    """
    now = time.time()
    until = now + duration_of(overlap, "--overlap")
    entropy = secrets.token_bytes(ENTROPY_BYTES)

    async def rotate(store: KeyStore) -> tuple[KeyRecord, str]:
        record = await store.find(key)
        if (standing := record.standing(now)) != "active":
            raise Misused(f"key {record.id} is {standing}, and a new secret would not change that: make a new key")
        token = token_of(record.id, entropy)
        digest = digest_of(token).hex()
        return await store.change(record.id, lambda known: known.with_secret(digest, now, until)), token

    record, token = run(_with(rotate))
    _reveal(record, token, now, as_json=as_json)


@errors_as_sentences
def revoke_command(key: KeyArgument, as_json: JsonOption = False) -> None:
    """Revoke a key: every process of every door refuses it within a second. There is no way back.

    Example: stepwell keys revoke billing-service
    """
    now = time.time()

    async def revoke(store: KeyStore) -> KeyRecord:
        record = await store.find(key)
        return await store.change(
            record.id, lambda known: known.model_copy(update={"revoked_at": known.revoked_at or now})
        )

    record = run(_with(revoke))
    if as_json:
        print_json(row_of(record, None, now, for_people=False))
        return
    console.print(f"key {record.id} ({escape(record.name)}) is revoked", highlight=False)


# ---------------------------------------------------------------- in common


async def _with(work: Callable[[KeyStore], Awaitable[T]]) -> T:
    link = await connect(settings_here(), name="cli")
    try:
        return await work(KeyStore(link.bucket("keys")))
    finally:
        await link.close()


async def _warn_of(routes: tuple[str, ...]) -> None:
    """Say which routes of a key the policy does not have. One that comes later is allowed, so the key stands."""
    with suppress(StepwellError):
        policy = (await in_force_here(settings_here(), os.environ)).policy
        known = {route.spec.name for route in policy.routes} | policy.variants.keys()
        for name in (route for route in routes if route not in known):
            warn(f"the policy in force has no route or variant {name}; {_near(name, known)}")


def _near(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}"


def _reveal(record: KeyRecord, token: str, now: float, *, as_json: bool) -> None:
    """Show a new secret, once."""
    if as_json:
        print_json({**row_of(record, None, now, for_people=False), "key": token})
        return
    if console.is_terminal:
        console.print(Panel.fit(token, title=f"key {record.id} ({escape(record.name)})"), soft_wrap=True)
    else:
        console.print(token, highlight=False, markup=False, soft_wrap=True)
    warn("it is shown this once; keep it in a store of secrets, never in a file of code")
    ending = next((secret.until for secret in record.secrets if secret.until is not None), None)
    if ending is not None:
        until = datetime.fromtimestamp(ending, UTC).strftime("%Y-%m-%d %H:%M UTC")
        warn(f"the old secret is taken until {until}")


def _printable(name: str) -> str:
    if not 0 < len(name) <= 128 or not name.isprintable():
        raise Misused("a name is 1 to 128 printable characters, such as billing-service")
    return name


def _names(words: list[str], option: str) -> tuple[str, ...]:
    for word in words:
        if not is_name(word):
            raise Misused(f"{option} {word}: a name is 1 to 64 letters, digits, - or _")
    return tuple(dict.fromkeys(words))


def _of(words: list[str] | None, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    for word in words or ():
        if word not in known:
            raise Misused(f"{option} {word}: there is {', '.join(known)}")
    return tuple(dict.fromkeys(words)) if words else known
