"""One target of a Portkey config, with what it inherits from the parts around it."""

from dataclasses import dataclass
from typing import Final

from pipeline.contracts import Parameters
from pipeline.migrate.account import Value
from pipeline.migrate.draft import Part
from pipeline.migrate.kit import Kit
from pipeline.migrate.names import variable, why_renamed
from pipeline.migrate.providers import Provider, provider_of

__all__ = ["Inherited", "made", "names_of"]

_SAMPLING: Final = frozenset(Parameters.model_fields)
_MILLISECONDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Inherited:
    """What holds for all targets below: of two the inner one counts."""

    override: tuple[Value, ...] = ()
    timeout: Value | None = None
    cached: Value | None = None
    host: Value | None = None

    def within(self, node: Value) -> "Inherited":
        """The same with what a node says itself."""
        override = node.get("override_params", "overrideParams")
        return Inherited(
            self.override if override is None or override in self.override else (*self.override, override),
            node.get("request_timeout", "requestTimeout") or self.timeout,
            node.get("cache") or self.cached,
            node.get("custom_host", "customHost") or self.host,
        )

    def cache(self, route: str) -> dict[str, object]:
        """Whether a route remembers answers."""
        value = self.cached
        mode = value.get("mode") if value else None
        if value is None or mode is None:
            return {"enabled": False}
        spec: dict[str, object] = {"enabled": True}
        mode.became(f"routes.{route}.cache")
        if mode.text == "semantic":
            mode.changed(f"routes.{route}.cache", "only answers to the very same question are remembered")
        age = value.get("max_age", "maxAge")
        if age is not None and (seconds := age.number_from(0, above=True)) is not None:
            spec["ttl"] = seconds
            age.became(f"routes.{route}.cache.ttl")
        return spec


def names_of(target: Value) -> str | None:
    """The name by which a condition calls a target."""
    name = target.get("name")
    return name.text if name else None


def made(kit: Kit, node: Value, here: Inherited) -> str | None:
    """Make a target and its variant; None where the node names no provider."""
    provider, virtual = node.get("provider"), node.get("virtual_key", "virtualKey")
    who = (provider.text if provider else None) or (virtual.text if virtual else None)
    if who is None:
        node.left("it names no provider", "write a target for it in models.yaml")
        return None
    given = node.get("name")
    slug = who.lstrip("@")
    name = kit.names.make(given.text if given and given.text else slug.partition("/")[0])
    if given is not None:
        given.became(f"targets.{name}")
        if given.text and (why := why_renamed(given.text, name)):
            kit.account.changed(given.path, given.data, f"{why}: the target is called {name}")
    known, label = _who(name, who, provider, virtual)
    spec: dict[str, object] = {
        "endpoint": _endpoint(kit, node, here, name, known, label),
        "model": _model(kit, node, here, name),
    }
    spec["provider"] = kit.provider_name(label, str(spec["endpoint"]))
    own = node.get("api_key", "apiKey")
    key = kit.key(
        own, name, _slug_key(name, known, who, own, virtual), private=here.host is not None and virtual is None
    )
    if key is not None:
        spec["api_key"] = key
    parameters = _override(kit, name, spec, here)
    timeout = None if here.timeout is None else here.timeout.number_from(0, above=True)
    if here.timeout is not None and timeout is not None:
        spec["timeouts"] = {"total": timeout / _MILLISECONDS}
        here.timeout.became(f"targets.{name}.timeouts.total")
    kit.target(name, spec, [f"From line {node.line}."], set())
    variant: dict[str, object] = {"target": name, **({"parameters": parameters} if parameters else {})}
    kit.draft.variants[name] = Part(variant)
    return name


def _who(name: str, who: str, provider: Value | None, virtual: Value | None) -> tuple[Provider, str]:
    """Who runs it. A slug of Portkey (`@openai-prod`, or a virtual key) stands for a key and a provider kept there."""
    slug = who.lstrip("@").partition("/")[0]
    guessed = slug if provider is not None and not who.startswith("@") else _guess(slug)
    place = f"targets.{name}.provider"
    for value in (provider, virtual):
        if value is None or value.text is None:
            continue
        if value is virtual or value.text.startswith("@"):
            value.changed(place, "its key is kept by Portkey: the policy reads it from a variable", "set the variable")
        else:
            value.became(place)
    return provider_of(guessed), guessed


def _guess(slug: str) -> str:
    words = slug.replace("_", "-").split("-")
    for size in (3, 2, 1):
        candidate = "-".join(words[:size])
        if provider_of(candidate).endpoint is not None or candidate in ("azure-openai", "bedrock", "vertex-ai"):
            return candidate
    return slug


def _slug_key(name: str, known: Provider, who: str, own: Value | None, virtual: Value | None) -> Provider:
    """A slug has a key of its own, and not the usual one of its provider."""
    kept = who.startswith("@") or virtual is not None
    return known if own is not None or not kept else known._replace(key=variable(name, "API_KEY"))


def _endpoint(kit: Kit, node: Value, here: Inherited, name: str, known: Provider, label: str) -> str:
    resource = node.get("azure_resource_name", "azureResourceName", "resource_name", "resourceName")
    if here.host is None and resource is not None and resource.text and resource.text.replace("-", "").isalnum():
        resource.became(f"targets.{name}.endpoint")
        return f"https://{resource.text}.openai.azure.com/openai/v1"
    return kit.endpoint(here.host, name, known._replace(suffix="") if here.host else known, label)


def _model(kit: Kit, node: Value, here: Inherited, name: str) -> str:
    provider = node.get("provider")
    deployment = node.get("azure_deployment_id", "azureDeploymentId", "deployment_id", "deploymentId")
    found = next((value for params in reversed(here.override) if (value := params.get("model")) is not None), None)
    for value in (deployment, found):
        if value is not None and value.text:
            value.became(f"targets.{name}.model")
            text = kit.text(value, "the name of a model") or ""
            return text.partition("/")[2] or text if text.startswith("@") else text
    if provider is not None and provider.text and provider.text.startswith("@") and "/" in provider.text:
        return provider.text.partition("/")[2]
    new = variable(name, "MODEL", taken=kit.draft.variables)
    kit.account.assumed(f"targets.{name}.model", "the caller named the model, and a target has one",
                        f"set {new}, or write the model", node.path)  # fmt: skip
    return kit.environment(new, f"the model of {name}")


def _override(kit: Kit, name: str, spec: dict[str, object], here: Inherited) -> dict[str, object]:
    values: dict[str, Value] = {}
    for params in here.override:
        for key, value in params.items():
            outer = values.get(key)
            values[key] = value
            if outer is not None and not kit.account.covered(outer.path):
                outer.left("the target says something else", "nothing to do")
    values.pop("model", None)
    extra = kit.sent_along({key: value for key, value in values.items() if key not in _SAMPLING}, name)
    if extra:
        spec["extra"] = extra
    return dict(kit.sampling({key: value for key, value in values.items() if key in _SAMPLING}, name))
