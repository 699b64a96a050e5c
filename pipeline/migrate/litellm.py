"""From the `config.yaml` of a LiteLLM proxy to a policy.

A deployment becomes a target with one variant. A group (deployments of one `model_name`) becomes a route of that name:
one tier of its deployments, by their weights. The router's settings become tiers, fallbacks, limits and budgets.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.contracts import Json, Parameters
from pipeline.migrate.account import Account, Value
from pipeline.migrate.draft import Part
from pipeline.migrate.kit import Kit
from pipeline.migrate.litellm_groups import Deployment, groups
from pipeline.migrate.litellm_settings import budgets, settings
from pipeline.migrate.names import why_renamed
from pipeline.migrate.providers import Provider, provider_of

__all__ = ["translate"]

_MILLION: Final = 1_000_000
_CHATS: Final = frozenset({"chat", "completion", "responses"})
_PRICES: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
}
_ABILITIES: Final = {
    "supports_function_calling": "tools",
    "supports_tool_choice": "tools",
    "supports_vision": "vision",
    "supports_response_schema": "json_schema",
}
_REGIONS: Final = ("region_name", "aws_region_name", "vertex_location", "watsonx_region_name")
_EXTRA: Final = frozenset(
    {"reasoning_effort", "verbosity", "service_tier", "top_k", "min_p", "repetition_penalty", "chat_template_kwargs"}
)
_OWN: Final = (("gpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"), ("chatgpt", "openai"),
               ("claude", "anthropic"), ("gemini", "vertex_ai"), ("command", "cohere"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Model:
    """What a deployment calls."""

    provider: str
    model: str

    @property
    def known(self) -> Provider:
        return provider_of(self.provider)


def translate(account: Account, on_day: str) -> Kit:
    """Translate the whole configuration."""
    kit = Kit(account, on_day)
    root = account.root()
    common = settings(kit, root)
    models = root.get("model_list")
    deployments = [
        found for entry in (models.each() if models else ()) if (found := _deployment(kit, entry, common.total))
    ]
    groups(kit, deployments, common)
    budgets(kit, root)
    return kit


def _deployment(kit: Kit, entry: Value, total_s: float | None) -> Deployment | None:
    group, params = entry.get("model_name"), entry.get("litellm_params")
    model = params.get("model") if params else None
    if group is None or group.text is None or params is None or model is None or model.text is None:
        entry.left("it has no model_name or no model", "name both")
        return None
    if "*" in group.text or "*" in model.text:
        entry.left("a pattern stands for models that are not named", "give every model an entry of its own")
        return None
    info = entry.get("model_info")
    mode = info.get("mode") if info else None
    if mode is not None and mode.text not in (None, *_CHATS):
        entry.left("it is no model for chats, and Stepwell answers chats only", "keep another service for it")
        return None
    return _made(kit, entry, group, params, model, info, total_s)


def _made(
    kit: Kit, entry: Value, group: Value, params: Value, model: Value, info: Value | None, total_s: float | None
) -> Deployment:
    called = _called(kit, model, params)
    own_id = info.get("id") if info else None
    name = kit.names.make(own_id.text if own_id and own_id.text else f"{group.text}-{called.provider}")
    if own_id is not None:
        own_id.became(f"targets.{name}")
        if own_id.text and (why := why_renamed(own_id.text, name)):
            kit.account.changed(own_id.path, own_id.data, f"{why}: the target is called {name}")
    if mode := info.get("mode") if info else None:
        mode.became(f"targets.{name}.capabilities")
    group.became(f"variants.{name}")
    base, api_key = params.get("api_base", "base_url"), params.get("api_key")
    endpoint = kit.endpoint(base, name, called.known, called.provider)
    spec: dict[str, object] = {
        "endpoint": endpoint,
        "model": called.model,
        "provider": kit.provider_name(called.provider if base else called.provider or "openai", endpoint),
    }
    key = kit.key(api_key, name, called.known, private=base is not None)
    if key is not None:
        spec["api_key"] = key
    model.became(f"targets.{name}.model")
    told = _details(kit, name, spec, params, info, total_s)
    parameters = kit.sampling(_some(params, frozenset(Parameters.model_fields)), name)
    variant: dict[str, object] = {"target": name, **({"parameters": parameters} if parameters else {})}
    where = f"From model_list[{entry.path[-1]}], line {entry.line}."
    kit.target(name, spec, [where], told)
    kit.draft.variants[name] = Part(variant, [])
    return Deployment(name, group, params, entry)


def _called(kit: Kit, model: Value, params: Value) -> _Model:
    text = kit.text(model, "the name of a model") or ""
    given = params.get("custom_llm_provider")
    if given is not None and given.text is not None:
        given.became("targets")
        return _Model(given.text, text.removeprefix(f"{given.text}/"))
    provider, slash, rest = text.partition("/")
    if slash and "$" not in provider:
        return _Model(provider, rest)
    guessed = next((name for start, name in _OWN if text.startswith(start)), "openai")
    return _Model(guessed, text)


def _details(
    kit: Kit, name: str, spec: dict[str, object], params: Value, info: Value | None, total_s: float | None
) -> set[str]:
    """Fill in what the source says of a target, and hand out which of it the source says."""
    told: set[str] = set()
    for step in (_region, _window, _abilities, _price):
        told |= step(kit, name, spec, params, info)
    timeouts = _timeouts(name, params, total_s)
    if timeouts:
        spec["timeouts"] = timeouts
    slots = params.get("max_parallel_requests")
    if slots is not None and (at_once := slots.number_from(1, whole=True)) is not None:
        spec["slots"] = int(at_once)
        slots.became(f"targets.{name}.slots")
    extra = kit.sent_along(_some(params, _EXTRA), name)
    body = params.get("extra_body")
    if body is not None:
        extra |= kit.sent_along(dict(body.items()), name)
    if extra:
        spec["extra"] = extra
    return told


def _region(kit: Kit, name: str, spec: dict[str, object], params: Value, info: Value | None) -> set[str]:  # noqa: ARG001
    value = params.get(*_REGIONS)
    if value is None or value.text is None or not value.text.replace("-", "").replace("_", "").isalnum():
        return set()
    spec["region"] = value.text[:64]
    value.became(f"targets.{name}.region")
    return {"region"}


def _window(kit: Kit, name: str, spec: dict[str, object], params: Value, info: Value | None) -> set[str]:  # noqa: ARG001
    told: set[str] = set()
    for key, names in (("context_window", ("max_input_tokens",)), ("max_output_tokens", ("max_output_tokens",))):
        value = info.get(*names) if info else None
        if value is not None and (tokens := value.number_from(1, whole=True)) is not None:
            spec[key] = int(tokens)
            value.became(f"targets.{name}.{key}")
            told.add(key)
    most = info.get("max_tokens") if info else None
    if most is not None and most.whole is not None and most.whole >= 1 and "context_window" not in told:
        spec["context_window"] = most.whole
        most.changed(f"targets.{name}.context_window", "it is taken for the window, question and answer together")
        told.add("context_window")
    return told


def _abilities(kit: Kit, name: str, spec: dict[str, object], params: Value, info: Value | None) -> set[str]:  # noqa: ARG001
    found = {"chat", "stream"}
    stated = False
    for key, ability in _ABILITIES.items():
        value = info.get(key) if info else None
        if value is not None and isinstance(value.data, bool):
            stated = True
            value.became(f"targets.{name}.capabilities")
            found |= {ability} if value.data else set()
    if not stated:
        return set()
    spec["capabilities"] = sorted(found)
    return {"capabilities"}


def _price(kit: Kit, name: str, spec: dict[str, object], params: Value, info: Value | None) -> set[str]:
    found: dict[str, Value] = {}
    for key, ours in _PRICES.items():
        value = params.get(key) or (info.get(key) if info else None)
        if value is not None and value.number_from(0) is not None:
            found[ours] = value
    if not {"input", "output"} <= found.keys():
        for value in found.values():
            value.left("a price needs that of input and of output", f"write targets.{name}.price with both")
        return set()
    price: dict[str, Json] = {}
    for ours, value in found.items():
        price[ours] = round((value.number or 0.0) * _MILLION, 9)
        value.became(f"targets.{name}.price.{ours}")
    line = found["input"].line
    spec["price"] = price | {"source": f"{kit.account.source.name}, line {line}", "as_of": kit.on_day}
    return {"price"}


def _timeouts(name: str, params: Value, total_s: float | None) -> dict[str, float]:
    timeouts = {} if total_s is None else {"total": total_s}
    own = params.get("timeout", "request_timeout")
    if own is not None and (seconds := own.number_from(0, above=True)) is not None:
        timeouts["total"] = seconds
        own.became(f"targets.{name}.timeouts.total")
    first = params.get("stream_timeout")
    if first is not None and (seconds := first.number_from(0, above=True)) is not None:
        timeouts["first_token"] = seconds
        first.changed(f"targets.{name}.timeouts.first_token", "it bounds the wait for the first token of every call")
    return timeouts


def _some(value: Value, names: frozenset[str]) -> dict[str, Value]:
    return {name: item for name, item in value.items() if name in names}
