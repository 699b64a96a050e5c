"""Names, variables and secrets: what may be written into a policy, and under which name."""

import re
from collections.abc import Container
from typing import Final

from pipeline.contracts import Json
from pipeline.migrate.credentials import was_credential

__all__ = ["Names", "environment_variable", "is_secret", "named", "variable", "why_renamed"]

_LONGEST: Final = 64
_RESERVED: Final = frozenset({"auto"})
_OS: Final = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_SHELL: Final = re.compile(
    r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)|\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}"
)
_SECRET_KEY: Final = re.compile(
    r"(^|[_.-])(api_?key|key|token|secret|password|passwd|pwd|credentials?|authorization|auth|bearer|signature)s?($|[_.-])"
)
_SECRET_VALUE: Final = re.compile(
    r"(sk|pk|rk|xai|gsk|hf|ghp|pplx|nvapi|r8)[-_][A-Za-z0-9_-]{6,}|AKIA[0-9A-Z]{12,}|AIza[0-9A-Za-z_-]{20,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\..*|-----BEGIN.*|Bearer\s.*|.*://[^/@\s]*:[^/@\s]*@.*",
    re.DOTALL,
)


class Names:
    """Names for the parts of a policy: of the letters that names may have, and none twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def make(self, wanted: str) -> str:
        """A free name near to what is wanted."""
        name = named(wanted)
        number = 2
        while name in self._taken:
            name = f"{named(wanted)[: _LONGEST - len(str(number)) - 1]}-{number}"
            number += 1
        self._taken.add(name)
        return name


def named(wanted: str) -> str:
    """What is wanted in the letters that a name may have: `gpt-3.5-turbo` becomes `gpt-3-5-turbo`."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", wanted).strip("-")[:_LONGEST] or "model"
    return f"{name}-model" if name in _RESERVED else name


def why_renamed(wanted: str, name: str) -> str | None:
    """Why a part is called `name` and not what was wanted; None: it is called so."""
    if name == wanted:
        return None
    if was_credential(wanted):
        return "it looks like a credential, and none is written into a policy"
    if wanted in _RESERVED:
        return f"{wanted} stands for no route: who asks for it gets the first route that matches"
    plain = named(wanted)
    if plain != name:
        return f"another one is called {plain} already"
    return f"a name is letters, digits, _ and -, and at most {_LONGEST} of them"


def environment_variable(text: str | None) -> str | None:
    """The variable that a value is read from, in the ways the gateways write it; None: it is the value itself."""
    if text is None:
        return None
    if found := _OS.fullmatch(text.strip()):
        return found[1]
    found = _SHELL.fullmatch(text.strip())
    return next(filter(None, found.groups()), None) if found else None


def variable(*parts: str, taken: Container[str] = ()) -> str:
    """A name for a new variable, such as GPT_4O_API_KEY."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper()).strip("_") or "VALUE"
    name = name if not name[0].isdigit() else f"MODEL_{name}"
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def is_secret(key: str, value: Json) -> bool:
    """Whether a value is, or may be, a secret: by the key it stands under, or by its looks."""
    if not isinstance(value, str) or not value:
        return False
    if environment_variable(value) is not None:
        return False
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    if re.fullmatch(r"(max_|min_)?tokens|max_[a-z_]*tokens|stop_tokens?", snake):
        return bool(_SECRET_VALUE.fullmatch(value))
    return bool(_SECRET_KEY.search(snake) or _SECRET_VALUE.fullmatch(value))
