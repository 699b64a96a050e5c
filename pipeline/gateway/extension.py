"""What only Stepwell knows of a request, in its body under the one key `stepwell`."""

from typing import Any, Final

from pipeline.contracts import JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse

__all__ = ["BUDGET", "TOP", "add_extension"]

TOP: Final = (
    "origin", "route", "pin", "provider", "disable_fallbacks", "session", "quality_floor",
    "cache", "cache_max_age_s", "cache_similarity",
)  # fmt: skip
BUDGET: Final = ("deadline_ms", "max_escalations", "max_cost_usd")


def add_extension(wanted: dict[str, Any], said: JsonObject) -> None:
    """Add what only Stepwell knows, under its one key, to the fields of a request.

    Raises:
        InvalidRequest: it is no object.
        UnsupportedParameter: a name in it is none that we know.
    """
    extension = said.get("stepwell")
    if extension is None:
        wanted["budget"] = {}
        return
    if not isinstance(extension, dict):
        raise InvalidRequest("stepwell must be an object", param="stepwell")
    for name in extension:
        if name not in TOP and name not in BUDGET:
            raise _foreign(name)
    wanted.update((name, extension[name]) for name in TOP if extension.get(name) is not None)
    wanted["budget"] = {name: extension[name] for name in BUDGET if extension.get(name) is not None}


def _foreign(name: str) -> InvalidRequest:
    if name == "tenant":
        return refuse("stepwell.tenant", advice="the tenant is named by the header x-stepwell-tenant")
    return refuse(f"stepwell.{name}", advice=f"known are {', '.join((*TOP, *BUDGET))}")
