"""What a caller may ask of the routing, in the body or, for programs that cannot change it, in headers.

`provider` is the object of OpenRouter's API, at the top as its clients send it or under `stepwell`. Headers:
`x-stepwell-pin`, `x-stepwell-disable-fallbacks`, `x-stepwell-meta-<name>` for an entry of `metadata`, and
`Cache-Control` with `no-cache`, `no-store` and `max-age`; its other words are passed over, as HTTP has it. A wish that
is said twice must be the same both times; which of them counts is decided by the route.
"""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.contracts import Json, JsonObject, ProviderPreferences
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse

__all__ = ["add_wishes", "text_of"]

_META: Final = "x-stepwell-meta-"
_KNOWN: Final = frozenset(ProviderPreferences.model_fields)
_NEUTRAL: Final[Mapping[str, tuple[Json, ...]]] = {
    "enforce_distillable_text": (False,),
    "require_parameters": (False, True),
    "zdr": (False,),
}
"""Fields of OpenRouter whose named values ask for what happens anyway: no parameter of a request is ever dropped."""
_ADVICE: Final = (
    f"known are {', '.join(sorted(_KNOWN))}; let pass, since it is so anyway, are require_parameters, and zdr and "
    "enforce_distillable_text where they are false"
)
_DIGITS: Final = 10
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}


def add_wishes(wanted: dict[str, Any], said: JsonObject, headers: Mapping[str, str]) -> None:
    """Add the caller's wishes to the fields of a request, which hold those of `stepwell` already.

    Raises:
        InvalidRequest: two places contradict each other, or a header cannot be read.
        UnsupportedParameter: a field of `provider` that Stepwell does not know.
    """
    if "provider" in wanted:
        wanted["provider"] = _provider(wanted["provider"], "stepwell.provider")
    if "provider" in said:
        _agree(wanted, "provider", _provider(said["provider"], "provider"), "provider", "stepwell.provider")
    if pin := headers.get("x-stepwell-pin"):
        _agree(wanted, "pin", _readable(pin, "x-stepwell-pin"), "x-stepwell-pin", "stepwell.pin")
    if alone := headers.get("x-stepwell-disable-fallbacks"):
        said_here = _truth(_readable(alone, "x-stepwell-disable-fallbacks"), "x-stepwell-disable-fallbacks")
        _agree(wanted, "disable_fallbacks", said_here, "x-stepwell-disable-fallbacks", "stepwell.disable_fallbacks")
    if "cache-control" in headers:
        _add_cache(wanted, headers)
    _add_metadata(wanted, headers)


def text_of(headers: Mapping[str, str], name: str) -> str:
    """The value of a header; empty where there is none.

    Raises:
        InvalidRequest: its bytes are no UTF-8.
    """
    value = headers.get(name)
    return _readable(value, name) if value else ""


def _readable(value: str, name: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidRequest(f"the header {name} is no UTF-8", param=name)
    return value


def _agree(wanted: dict[str, Any], field: str, value: Json, here: str, there: str) -> None:
    if wanted.setdefault(field, value) != value:
        raise InvalidRequest(f"{here} and {there} differ: give one of them", param=here)


def _provider(value: Json, place: str) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{place} must be an object", param=place)
    kept: JsonObject = {}
    for name, item in value.items():
        if name in _KNOWN:
            kept[name] = item
        elif item is not None and not any(item is neutral for neutral in _NEUTRAL.get(name, ())):
            raise refuse(f"{place}.{name}", advice=_ADVICE)
    return {name: item for name, item in kept.items() if item is not None}


def _truth(value: str, name: str) -> bool:
    known = _TRUTHS.get(value.strip().lower())
    if known is None:
        raise InvalidRequest(f"the header {name} must be true or false", param=name)
    return known


def _add_cache(wanted: dict[str, Any], headers: Mapping[str, str]) -> None:
    """What `Cache-Control` asks of memory. Of `no-store` and `no-cache` the first goes further."""
    text = text_of(headers, "cache-control")
    if not text:
        return
    words = dict(_word(part) for part in text.split(","))
    if "no-store" in words or "no-cache" in words:
        _agree(wanted, "cache", "off" if "no-store" in words else "refresh", "cache-control", "stepwell.cache")
    if "max-age" in words:
        age = words["max-age"].strip().strip('"')
        if not age.isascii() or not age.isdigit() or len(age) > _DIGITS:
            message = "the header cache-control must give max-age in whole seconds, such as max-age=60"
            raise InvalidRequest(message, param="cache-control")
        _agree(wanted, "cache_max_age_s", float(age), "cache-control", "stepwell.cache_max_age_s")


def _word(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value


def _add_metadata(wanted: dict[str, Any], headers: Mapping[str, str]) -> None:
    given = {low: value for name, value in headers.items() if (low := name.lower()).startswith(_META)}
    if not given or not isinstance(wanted.setdefault("metadata", {}), dict):
        return
    metadata = wanted["metadata"] = dict(wanted["metadata"])
    for name, value in given.items():
        word = name.removeprefix(_META)
        if not word:
            raise InvalidRequest(f"the header {name} must name an entry: {_META}<name>", param=name)
        _agree(metadata, word, _readable(value, name), name, f"metadata.{word}")
