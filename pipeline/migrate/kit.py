"""What both translators need to make targets: addresses, keys, patience and sampling."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import orjson
from pydantic import ValidationError

from pipeline.contracts import Json, Parameters
from pipeline.migrate.account import Account, Value
from pipeline.migrate.draft import Draft, Part
from pipeline.migrate.names import Names, environment_variable, is_secret, named, variable
from pipeline.migrate.providers import Provider

__all__ = ["Kit", "Seconds"]

Seconds = float
_VARIABLES: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}")
_SAMPLING: Final = frozenset(Parameters.model_fields)
_NO_SECRETS: Final = ("it may hold a secret, and a policy holds none", "leave it to an address in front")
_WINDOW: Final = 8192
"""Tokens of a context window that nobody stated: small, so that no question is sent that does not fit."""


@dataclass(slots=True)
class Kit:
    """The books, the policy that is being written, the names taken, and the day (YYYY-MM-DD) on which it is done."""

    account: Account
    on_day: str
    draft: Draft = field(default_factory=Draft)
    names: Names = field(default_factory=Names)
    routes: Names = field(default_factory=Names)

    def environment(self, name: str, holds: str) -> str:
        """A reference to a variable of the environment, which is written down as needed."""
        self.draft.variables.setdefault(name, holds)
        return f"${{{name}}}"

    def text(self, value: Value, holds: str) -> str | None:
        """A text of the source as a policy writes it: variables as ${NAME}."""
        if name := environment_variable(value.text):
            return self.environment(name, holds)
        for found in _VARIABLES.findall(value.text or ""):
            self.environment(found, holds)
        return value.text

    def key(self, value: Value | None, target: str, provider: Provider, *, private: bool) -> str | None:
        """`api_key` of a target: always a variable. A key that stands in the source is never written anywhere."""
        place = f"targets.{target}.api_key"
        if value is None:
            if private or not provider.key:
                return None
            self.account.assumed(
                place, "no key was given", f"set {provider.key}, as the provider's own clients read it"
            )
            return self.environment(provider.key, f"the key of {target}")
        name = None if value.held_credential else environment_variable(value.text)
        if name:
            value.became(place)
            return self.environment(name, f"the key of {target}")
        if value.text is None or value.text.lower() in ("none", "null", "empty"):
            value.changed(f"targets.{target}", "it is no key: the target is called without one")
            return None
        name = variable(target, "API_KEY", taken=self.draft.variables)
        value.changed(place, f"a key does not belong into a file: the policy reads {name}", f"set {name}")
        return self.environment(name, f"the key of {target}")

    def endpoint(self, value: Value | None, target: str, provider: Provider, name: str) -> str:
        """The address of a target, in the form of the OpenAI API. One that holds a secret becomes a variable."""
        place = f"targets.{target}.endpoint"
        if not provider.speaks:
            return self._no_address(value, target, f"{name} speaks an API of its own; Stepwell speaks the OpenAI API")
        if value is None or value.text is None:
            if provider.endpoint is not None:
                return provider.endpoint
            return self._no_address(value, target, f"the address of {name} was not given")
        variable_name = None if value.held_credential else environment_variable(value.text)
        if variable_name:
            value.became(place)
            base = self.environment(variable_name, f"the address of {target}, without a slash at its end")
            return base + provider.suffix
        whole = None if value.held_credential else self._address(value.text, provider)
        if whole is None:
            new = variable(target, "URL", taken=self.draft.variables)
            value.changed(place, f"the address may hold a secret, or is none: the policy reads {new}", f"set {new}")
            return self.environment(new, f"the address of {target}")
        value.became(place)
        if whole.rstrip("/") != value.text.rstrip("/"):
            self.account.changed(value.path, value.data, f"the policy calls {whole}", "check that it answers there")
        return whole

    def _no_address(self, value: Value | None, target: str, why: str) -> str:
        name = variable(target, "URL", taken=self.draft.variables)
        if value is not None:
            value.left(why, f"set {name} to an address that speaks the OpenAI API")
        self.account.assumed(f"targets.{target}.endpoint", why, f"set {name} to an address that speaks the OpenAI API")
        return self.environment(name, f"an OpenAI-compatible address of {target}")

    @staticmethod
    def _address(text: str, provider: Provider) -> str | None:
        base = text.strip().rstrip("/")
        parts = urlsplit(base) if base.startswith(("http://", "https://")) else None
        if parts is None or parts.query or parts.fragment or "@" in parts.netloc or not parts.netloc:
            return None
        if any(is_secret("", piece) for piece in parts.path.split("/")):
            return None
        base = base.removesuffix("/chat/completions")
        known = "/openai" if provider.suffix == "/openai/v1" else provider.suffix
        if not provider.suffix or base.endswith(provider.suffix):
            return base
        return base.split(known)[0] + provider.suffix if known in parts.path else base + provider.suffix

    def provider_name(self, name: str, endpoint: str) -> str:
        """Who runs a target: a provider by its name; behind an address of one's own, whoever has that address."""
        if name not in ("openai", "hosted_vllm", "vllm", "custom", "") or endpoint.startswith(
            "https://api.openai.com/"
        ):
            return named(name)
        host = urlsplit(endpoint).hostname if endpoint.startswith("http") and "$" not in endpoint else None
        return named(host) if host else "openai-compatible"

    def sampling(self, values: dict[str, Value], variant: str) -> dict[str, Json]:
        """Parameters of sampling that a variant can hold; others are told as left."""
        kept: dict[str, Json] = {}
        for name, value in values.items():
            if value.held_credential:
                value.left(*_NO_SECRETS)
                continue
            data: Json = [value.data] if name == "stop" and isinstance(value.data, str) else value.data
            if name not in ("stop", "temperature", "top_p", "presence_penalty", "frequency_penalty"):
                data = value.whole
            elif name != "stop" and data is not None:
                data = value.number
            if data is None:
                value.left("it is no such number", f"write it under variants.{variant}.parameters if it is meant")
                continue
            try:
                Parameters.model_validate_json(orjson.dumps({name: data}))
            except ValidationError:
                value.left(f"{name} cannot have this value", f"write variants.{variant}.parameters.{name} yourself")
                continue
            kept[name] = data
            value.became(f"variants.{variant}.parameters.{name}")
        return kept

    def sent_along(self, values: dict[str, Value], target: str) -> dict[str, Json]:
        """What is sent along with every call as it is; secrets are told as left."""
        kept: dict[str, Json] = {}
        for name, value in values.items():
            if value.held_credential or holds_secret(name, value.data):
                value.left(*_NO_SECRETS)
            else:
                kept[name] = value.data
                value.became(f"targets.{target}.extra.{name}")
        return kept

    def target(self, name: str, spec: dict[str, object], before: list[str], told: set[str]) -> None:
        """Add a target with what nobody stated about it: where it is, whose law holds there, what it can and costs."""
        place = f"targets.{name}"
        beside = {"external": "check: false if it runs in your own house"}
        for key, default, why, todo in _UNSTATED:
            if key not in told:
                spec.setdefault(key, default)
                self.account.assumed(f"{place}.{key}", why, todo)
                beside[key] = f"check: {todo}"
        spec["external"] = True
        self.account.assumed(f"{place}.external", "who runs it is not said", "say false if it runs in your own house")
        if "price" not in spec:
            why = "its price is not known: costs will be null, and budgets in money refuse it"
            self.account.assumed(
                f"{place}.price", why, "add price: {input, output, source, as_of}, USD for a million tokens"
            )
            before = [*before, "check: add its price (USD for a million tokens), or its costs stay unknown."]
        ordered: dict[str, object] = {key: spec[key] for key in _ORDER if key in spec}
        self.draft.targets[name] = Part(ordered, before, beside)


_ORDER: Final = (
    "endpoint", "model", "provider", "region", "jurisdiction", "external", "context_window", "max_output_tokens",
    "capabilities", "slots", "api_key", "price", "timeouts", "extra",
)  # fmt: skip
_UNSTATED: Final[tuple[tuple[str, object, str, str], ...]] = (
    ("region", "unknown", "where it runs is not said", "where it runs, such as eu-west-1"),
    ("jurisdiction", "UNKNOWN", "whose law holds there is not said", "whose law holds there, such as EU or US"),
    ("context_window", _WINDOW, "its window is not known", "its window in tokens, question and answer together"),
    ("capabilities", ["chat", "stream"], "what it can is not said", "add tools, json_schema, vision, logprobs it has"),
)


def holds_secret(key: str, value: Json) -> bool:
    """Whether a value, or anything in it, may be a secret."""
    if isinstance(value, dict):
        return any(holds_secret(name, item) for name, item in value.items())
    if isinstance(value, list):
        return any(holds_secret(key, item) for item in value)
    return is_secret(key, value)
