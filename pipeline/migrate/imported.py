"""From the configuration of another gateway to the files of a policy, and a list of all that did not come along."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from pipeline.contracts import Json
from pipeline.errors import InvalidRequest
from pipeline.migrate import litellm, portkey
from pipeline.migrate.account import Account, Told
from pipeline.migrate.draft import Draft
from pipeline.migrate.kit import Kit
from pipeline.migrate.reading import Source, read_source
from pipeline.migrate.writing import written

__all__ = ["GATEWAYS", "Gateway", "Imported", "detected", "imported"]

Gateway = Literal["litellm", "portkey"]
_TRANSLATORS: Final[MappingProxyType[Gateway, Callable[[Account, str], Kit]]] = MappingProxyType(
    {"litellm": litellm.translate, "portkey": portkey.translate}
)
GATEWAYS: Final = tuple(_TRANSLATORS)
_LITELLM: Final = frozenset({"model_list", "litellm_settings", "router_settings", "general_settings"})
_PORTKEY: Final = frozenset({"strategy", "targets", "virtual_key", "virtualKey", "provider", "override_params"})


@dataclass(frozen=True, slots=True)
class Imported:
    """A translated configuration.

    Attributes:
        gateway: whose it was.
        files: the text of each policy file by its name.
        told: what was left, changed or assumed, in this order.
        variables: the variables of the environment that the policy reads, with what each holds.
        draft: what stands in the files, as parts.
        account: what became of every value.
    """

    gateway: Gateway
    files: dict[str, str]
    told: tuple[Told, ...]
    variables: dict[str, str]
    draft: Draft
    account: Account

    @property
    def left(self) -> int:
        """How many things could not be translated."""
        return sum(one.kind == "left" for one in self.told)


def detected(data: Json) -> Gateway | None:
    """Whose configuration it is, by its keys; None: it looks like neither."""
    if isinstance(data, dict):
        if not _LITELLM.isdisjoint(data):
            return "litellm"
        if not _PORTKEY.isdisjoint(data):
            return "portkey"
    return None


def imported(name: str, body: bytes, *, origin: Gateway | None = None, on_day: str) -> Imported:
    """Translate a configuration.

    Args:
        name: the name of the file, for comments and places.
        body: its bytes.
        origin: whose it is; None: found out.
        on_day: the day (YYYY-MM-DD) as of which its prices are taken.

    Raises:
        InvalidRequest: it is no configuration, or nothing in it can be called.
    """
    source: Source = read_source(name, body)
    gateway = origin or detected(source.data)
    if gateway is None:
        raise InvalidRequest(f"{name}: this looks like neither a LiteLLM nor a Portkey configuration; say --from")
    account = Account(source)
    kit = _TRANSLATORS[gateway](account, on_day)
    told = account.close()
    if not kit.draft.routes or not kit.draft.targets:
        raise InvalidRequest(f"{name}: nothing in it can be called by Stepwell: no chat model with a name was found")
    title = {"litellm": "a LiteLLM config", "portkey": "a Portkey config"}[gateway]
    return Imported(
        gateway, written(kit.draft, f"{title}, {name}"), told, dict(kit.draft.variables), kit.draft, account
    )
