"""`stepwell cache`: what is remembered, erasing it, and learning which questions have one answer."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from pipeline.adapters.answer_seals import Seals
from pipeline.adapters.cache_answers import ValkeyAnswers
from pipeline.cli.cache_train import train_command
from pipeline.cli.show import Misused, console, errors_as_sentences, print_json, run
from pipeline.embedded.here import settings_here
from pipeline.errors import PartMissing
from pipeline.ports import AnswerStore
from pipeline.settings import Settings

__all__ = ["register"]

T = TypeVar("T")

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
TenantOption = Annotated[str | None, typer.Option(help="The tenant; alone, all of it.")]
RouteOption = Annotated[str | None, typer.Option(help="The route; without a tenant, of all tenants.")]
UserOption = Annotated[str | None, typer.Option(help="What requests of this user left.")]
RequestOption = Annotated[str | None, typer.Option("--request", help="What this request left.")]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="Remembered answers: show, purge, train.")
    group.command("show")(show_command)
    group.command("purge")(purge_command)
    group.command("train")(train_command)
    root.add_typer(group, name="cache")


@errors_as_sentences
def show_command(
    tenant: TenantOption = None,
    route: RouteOption = None,
    user: UserOption = None,
    request_id: RequestOption = None,
    as_json: JsonOption = False,
) -> None:
    """How many answers are remembered: all of them, or those of a tenant, route, user or request.

    Of a part, questions that are kept to be compared count too.

    Example: stepwell cache show --tenant acme --route labels
    """
    wanted = _group(tenant, route, user, request_id) if any((tenant, route, user, request_id)) else None
    if wanted is None:
        answers, questions = run(_with_store(settings_here(), lambda store, _: store.size()))
        _tell({"answers": answers, "questions": questions}, as_json=as_json)
        return
    count = run(_with_store(settings_here(), lambda store, seals: store.count(seals.group(*wanted))))
    _tell({"values": count}, as_json=as_json)


@errors_as_sentences
def purge_command(
    tenant: TenantOption = None,
    route: RouteOption = None,
    user: UserOption = None,
    request_id: RequestOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete what is remembered of a tenant, a route, a user or a request; and nothing asked for until now comes in.

    The tenant is `default` for a user or a request, unless it is named.

    Example: stepwell cache purge --tenant acme --user ada
    """
    if not any((tenant, route, user, request_id)):
        raise Misused("say what to delete: --tenant, --route, --user or --request")
    from pipeline.adapters.past_entries import GROUP

    wanted = _group(tenant, route, user, request_id)
    now = time.time()
    # What became of the draft of a request is kept apart from its answers.
    groups = [wanted, (GROUP, *wanted[1:])] if request_id is not None else [wanted]

    async def erase(store: AnswerStore, seals: Seals) -> int:
        return sum([await store.erase(seals.group(*group), now) for group in groups])

    erased = run(_with_store(settings_here(), erase))
    _tell({"deleted": erased}, as_json=as_json)


def _group(tenant: str | None, route: str | None, user: str | None, request_id: str | None) -> tuple[str, ...]:
    """Which group of values is meant: kind and names, as answers are written down under."""
    if sum(part is not None for part in (route, user, request_id)) > 1:
        raise Misused("give one of --route, --user and --request")
    if user is not None:
        return ("user", tenant or "default", user)
    if request_id is not None:
        return ("request", tenant or "default", request_id)
    if route is not None:
        return ("route", route) if tenant is None else ("route", tenant, route)
    return ("tenant", tenant or "default")


async def _with_store(settings: Settings, work: Callable[[AnswerStore, Seals], Awaitable[T]]) -> T:
    if settings.valkey_url is None or not settings.secret:
        missing = "STEPWELL_VALKEY" if settings.valkey_url is None else "STEPWELL_SECRET"
        raise PartMissing(f"there are no shared answers here: set {missing} as the workers have it")
    store = ValkeyAnswers(settings.valkey_url)
    try:
        return await work(store, Seals(settings.secret))
    finally:
        await store.close()


def _tell(figures: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    console.print(", ".join(f"{count:,} {what}" for what, count in figures.items()), highlight=False)
