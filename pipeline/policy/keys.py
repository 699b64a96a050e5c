"""Keys where none belong: names that promise one, and values that begin like one. Pure; a small rule, not a scan."""

import re
from typing import Final

from pipeline.contracts import Json

__all__ = ["HIDDEN", "is_a_key", "masked", "masked_address", "query_of"]

HIDDEN: Final = "***"
"""What stands in the place of a key where something is shown."""
_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_NAMES: Final = re.compile(
    r"(?:^|.*_)(?:key|api_?key|access_?key|secret_?key|private_?key|subscription_?key|account_?key|auth_?key"
    r"|secret|client_?secret|token|access_?token|auth_?token|bearer|authorization|auth|passw(?:or)?d|passwd|pwd"
    r"|passphrase|credentials?|sig|signature|sas)"
)
_NO_KEYS: Final = frozenset({"prompt_cache_key", "cache_key", "routing_key", "partition_key", "affinity_key"})
_PREFIXES: Final = re.compile(
    r"(?:Bearer |Basic )?(?:sk-|sk_live_|rk_live_|gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|AIza|hf_|gsk_"
    r"|pplx-|nvapi-|xai-|r8_|ya29\.|dop_v1_|SG\.|eyJ[A-Za-z0-9_-]{8,}\.)[A-Za-z0-9._/+=-]{12,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)


def is_a_key(name: str, value: Json) -> bool:
    """Whether this is a key, or a text under a name that promises one; a variable `${NAME}` is none."""
    if not isinstance(value, str) or not value or _VARIABLE.fullmatch(value):
        return False
    return _promises(name) or _PREFIXES.fullmatch(value) is not None


def query_of(address: str) -> list[tuple[str, str]]:
    """The parameters of an address, as they are written."""
    _, _, query = address.partition("#")[0].partition("?")
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in pairs]


def masked(value: Json, name: str = "") -> Json:
    """The same, with every key hidden."""
    if isinstance(value, dict):
        return {key: masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, name) for inner in value]
    if isinstance(value, str) and "://" in value:
        return masked_address(value)
    return HIDDEN if is_a_key(name, value) else value


def masked_address(address: str) -> str:
    """An address without keys among its parameters, and without a password."""
    shown = re.sub(r"(?<=://)[^/?#@\s]*@", f"{HIDDEN}@", address)
    for name, value in query_of(address):
        if is_a_key(name, value):
            shown = shown.replace(f"{name}={value}", f"{name}={HIDDEN}")
    return shown


def _promises(name: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(".", "_")
    return words not in _NO_KEYS and _NAMES.fullmatch(words) is not None
