"""`stepwell pii reveal` shows what stood behind a pseudonym, and writes into the log who asked, and why."""

import getpass
import sys
from typing import Annotated

import typer

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.vault import ValkeyVault
from pipeline.adapters.vault_keys import Keyring
from pipeline.audit.writer import ChainedAuditLog, producer_name
from pipeline.cli.show import errors_as_sentences, print_json, run
from pipeline.contracts import is_name
from pipeline.disclosure.pseudonyms import session_conversation
from pipeline.disclosure.reveal import reveal
from pipeline.embedded.here import settings_here
from pipeline.errors import InvalidRequest, PartMissing
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["register"]


def register(group: typer.Typer) -> None:
    """Add the verb."""
    group.command("reveal")(reveal_command)


@errors_as_sentences
def reveal_command(
    token: Annotated[str, typer.Argument(help="The pseudonym, as it stands in the text.")],
    session: Annotated[str, typer.Option(help="The session of the conversation.")],
    why: Annotated[str, typer.Option(help="The reason, which the record keeps.")],
    tenant: Annotated[str, typer.Option(help="The tenant of the conversation.")] = "default",
    user: Annotated[str | None, typer.Option(help="Its user, where the requests named one.")] = None,
    who: Annotated[str | None, typer.Option(help="Who asks; the name of the account otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Show what stood behind a pseudonym. The act is recorded with your name and reason before anything is shown.

    Example: stepwell pii reveal "<PERSON_K7QM2>" --tenant acme --session s-17 --why "complaint 4711"
    """
    if not is_name(tenant):
        raise InvalidRequest("tenant is one to 64 letters, digits, - and _", param="tenant")
    value = run(_reveal(settings_here(), tenant, session_conversation(session, user), token, who or _account(), why))
    if as_json:
        print_json({"token": token, "value": value})
    else:
        sys.stdout.write(f"{value}\n")


async def _reveal(settings: Settings, tenant: str, conversation: str, token: str, who: str, why: str) -> str:
    keyring = Keyring.of(settings.vault_keys, settings.secret)
    if keyring is None or settings.valkey_url is None:
        missing = "STEPWELL_VALKEY" if settings.valkey_url is None else "STEPWELL_VAULT_KEYS or STEPWELL_SECRET"
        raise PartMissing(f"there is no vault of pseudonyms here: set {missing} as the workers have it")
    clock = SystemClock()
    vault = ValkeyVault(settings.valkey_url, keyring)
    link = await connect(settings, name="cli")
    log = ChainedAuditLog(link.streams, producer_name(), clock)
    try:
        return await reveal(
            vault, log, tenant=tenant, conversation=conversation, token=token, who=who, why=why, clock=clock
        )
    finally:
        await log.close()
        await link.close()
        await vault.close()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
