"""What a caller shows to be let in: a bearer, or the header that Anthropic's clients send. Never a part of the address.

An address ends up in logs of proxies and in histories of browsers; a key that stands in one is lost.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from pipeline.errors import AuthenticationRequired, InvalidApiKey, InvalidRequest

__all__ = ["LARGEST", "credential", "refuse_in_query"]

LARGEST: Final = 8000
_SCHEME: Final = "bearer "
_IN_QUERY: Final = frozenset({"access_token", "api-key", "api_key", "apikey", "authorization", "key", "token"})
_NOTHING: Final = "send a key as `Authorization: Bearer sk-sw-…` (or x-api-key); this door takes nobody without"


def credential(headers: Mapping[str, str]) -> str:
    """The key or token of a request.

    Raises:
        AuthenticationRequired: there is none.
        InvalidApiKey: there are two that differ, or it is longer than any that we know.
    """
    said = headers.get("authorization", "")
    other = headers.get("x-api-key", "").strip()
    bearer = said[len(_SCHEME) :].strip() if said[: len(_SCHEME)].lower() == _SCHEME else ""
    if said and not bearer and not other:
        raise AuthenticationRequired(f"the header authorization holds no bearer: {_NOTHING}")
    found = bearer or other
    if not found:
        raise AuthenticationRequired(_NOTHING)
    if bearer and other and bearer != other:
        raise InvalidApiKey("the headers authorization and x-api-key hold two different keys: send one of them")
    if len(found) > LARGEST:
        raise InvalidApiKey(f"no key or token is longer than {LARGEST} characters")
    return found


def refuse_in_query(query: str) -> None:
    """Refuse a key in the address.

    Raises:
        InvalidRequest: there is one.
    """
    for name, value in parse_qsl(query, max_num_fields=64) if query.count("&") < 64 else ():
        if value and name.lower() in _IN_QUERY:
            text = f"a key does not belong into an address, which others log: send it as a header instead of ?{name}=, "
            raise InvalidRequest(text + "and if it was a real one, revoke it", param=name)
