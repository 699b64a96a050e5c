"""What planning sees of a request: its signals, taken once. From then on nobody needs the request to plan it."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from pipeline.contracts import Classification, Request, Signals, Snapshot
from pipeline.contracts.trusted import trusted
from pipeline.policy.facts import UNKNOWN, identifiable
from pipeline.signals.complexity import complexity_of
from pipeline.signals.conversation import Survey
from pipeline.signals.difficulty import DifficultyModel, read_model
from pipeline.signals.prefix import draw_of, key_of, prefix_digests, sticky_key
from pipeline.signals.reading import read
from pipeline.signals.wants import wants_of

__all__ = ["Rules", "budget_left", "difficulty_model", "signals_of"]

_ALWAYS_KEPT: Final = ("task", "language")


class Rules(Protocol):
    """What of a policy decides about signals; a `Policy` is one."""

    @property
    def record_metadata(self) -> tuple[str, ...]:
        """The keys of metadata that a record may keep."""
        ...

    @property
    def attached(self) -> Mapping[str, bytes]:
        """The files that belong to the policy, by path."""
        ...

    @property
    def difficulty_file(self) -> str | None:
        """The path of the learned score in force."""
        ...

    def user_tier(self, tenant: str, user: str | None) -> str | None:
        """The tier of a user, else of the tenant."""
        ...


def signals_of(
    request: Request,
    classification: Classification | None,
    policy: Rules,
    *,
    secret: bytes,
    request_id: str,
    deadline_left_ms: int = 0,
    busy_with: str | None = None,
    counted: Mapping[str, int] | None = None,
) -> Signals:
    """Take the signals of a request.

    Args:
        request: what was asked.
        classification: what was found in it; without one it counts as restricted and unscanned.
        policy: says which metadata may be kept, and has the tiers of users and the learned score.
        secret: key of the MACs; digests of a session, a user and a prompt say nothing without it.
        request_id: the envelope's.
        deadline_left_ms: milliseconds until the deadline.
        busy_with: the variant whose tool call is answered here.
        counted: tokens of the question by target, where its own tokenizer was asked.
    """
    asked = Survey(request)
    found = UNKNOWN if classification is None else classification
    types = tuple([finding.type for finding in found.findings])
    key = key_of(secret)
    model = difficulty_model(policy)
    reading = read(asked)
    wants = wants_of(asked, reading)
    metadata = request.metadata
    values: dict[str, Any] = {
        "tenant": request.tenant,
        "user_tier": policy.user_tier(request.tenant, request.user),
        "task": metadata.get("task"),
        "language": metadata.get("language"),
        "lane": request.lane,
        "origin": request.origin,
        "has_schema": asked.has_schema,
        "has_tools": asked.has_tools,
        "has_images": asked.has_images,
        "has_system": asked.has_system,
        "has_tool_results": asked.has_tool_results,
        "has_session": bool(request.session),
        "embeds": asked.embeds,
        "longest": asked.longest if asked.embeds else 0,
        "dimensions": None if request.embed is None else request.embed.dimensions,
        "message_count": asked.message_count,
        "turns": asked.turns,
        "characters": asked.characters,
        "tokens": asked.tokens,
        "counted": dict(counted or {}),
        "max_tokens": request.parameters.max_tokens,
        "passes": tuple(sorted(request.parameters.extra)) if request.parameters.extra else (),
        "wants_logprobs": request.logprobs is not None,
        "complexity": complexity_of(asked, reading).score,
        "difficulty": None if model is None else model.score(asked.said),
        "wants_code": wants.code,
        "wants_math": wants.math,
        "wants_json": wants.json,
        "modalities": ("image",) if asked.has_images else (),
        "data_class": found.data_class,
        "types": types,
        "special": found.special,
        "scan": found.scan,
        "names_scanned": found.names_scanned,
        "names_covered": found.names_covered,
        "identifiable": bool(types) and identifiable(types),
        "metadata": _kept(metadata, policy.record_metadata) if metadata else {},
        "deadline_left_ms": max(0, deadline_left_ms),
        "busy_with": busy_with,
        "key": sticky_key(request, request_id, key),
        "prefix": prefix_digests(request, key),
        "draw": draw_of(request_id, key),
        "route": request.route,
        "pin": request.pin,
        "api_key": request.api_key,
        "quality_floor": request.quality_floor,
        "cache": request.cache,
        "max_cost_usd": request.budget.max_cost_usd,
        "max_escalations": request.budget.max_escalations,
        "provider": request.provider,
        "disable_fallbacks": request.disable_fallbacks,
    }
    return trusted(Signals, values)


def budget_left(snapshot: Snapshot) -> float:
    """`req.budget_left`: of the budgets that pay for a request, the smallest share that is left; 1 without budgets."""
    return min((float(budget.left) for budget in snapshot.budgets), default=1.0)


def difficulty_model(policy: Rules) -> DifficultyModel | None:
    """The learned score of a policy; None where it has none. Raises `InvalidModel` where its file is broken."""
    data = policy.attached.get(policy.difficulty_file) if policy.difficulty_file is not None else None
    return None if data is None else read_model(data)


def _kept(metadata: Mapping[str, str], more: tuple[str, ...]) -> dict[str, str]:
    return {name: metadata[name] for name in (*_ALWAYS_KEPT, *more) if name in metadata}
