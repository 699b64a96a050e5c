"""Facts of the command line: what somebody states about a request, as the signals that planning would see."""

from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.contracts import BudgetStanding, Classification, Finding, Name, Share, Signals, Snapshot, TargetStanding
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy
from pipeline.policy.facts import facts_of_signals, identifiable
from pipeline.policy.findings import completed, milder
from pipeline.policy.models import Given
from pipeline.policy.problems import did_you_mean
from pipeline.policy.spelling import types_known

__all__ = ["ASKED", "METADATA", "Case", "case_of", "found_of", "once", "stated"]

ASKED: Final[dict[str, Any]] = {
    "route": Name,
    "pin": Name,
    "quality_floor": Share,
    "max_cost_usd": Annotated[float, Field(ge=0.0, allow_inf_nan=False)],
    "max_escalations": Annotated[int, Field(ge=0)],
    "disable_fallbacks": bool,
    "busy_with": Name,
}
"""What a caller may ask of the plan, besides the facts."""
METADATA: Final = "metadata."
"""What stands before the name of an entry of metadata."""
_LISTS: Final = frozenset({"types", "special", "modalities"})


class Case(NamedTuple):
    """A request that is only spoken of, and the world it would meet."""

    signals: Signals
    snapshot: Snapshot


def once(words: list[str]) -> None:
    """Hold that each fact is stated once.

    Raises:
        InvalidRequest: one is stated twice, so that nobody can say which of the two counts.
    """
    names = [word.partition("=")[0] for word in words]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"{name} is stated twice: state it once")


def stated(words: list[str], policy: Policy) -> tuple[Given, dict[str, Any]]:
    """The facts, with what follows from them as it does for a request; and what the caller would ask.

    Raises:
        InvalidRequest: a word is no fact, or says what no request can be.
    """
    asked = [word for word in words if word.partition("=")[0] in ASKED]
    given = _given([word for word in words if word not in asked])
    for name, values, there in (
        ("types", given.types, types_known(policy.residency)),
        ("special", given.special, frozenset(policy.residency.special)),
    ):
        for value in values:
            if value not in there:
                raise InvalidRequest(
                    f"{name}: neither the scan nor the policy knows {value}{did_you_mean(value, there)}"
                )
    if wrong := milder(given, policy):
        raise InvalidRequest(f"data_class: {wrong}")
    return completed(given, policy), _asked(asked)


def case_of(given: Given, asked: dict[str, Any], down: list[str], policy: Policy) -> Case:
    """The signals of such a request, in a world in which all is well but the targets that are `down`."""
    for name in down:
        if name not in policy.targets:
            raise InvalidRequest(f"--down {name}: there is no such target{did_you_mean(name, policy.targets)}")
    fields = {name: getattr(given, name) for name in Given.model_fields if name in Signals.model_fields}
    fields |= {
        "data_class": given.data_class or "public",
        "identifiable": identifiable(given.types) if given.identifiable is None else given.identifiable,
        "user_tier": given.user_tier or policy.user_tier(given.tenant, None),
        "names_scanned": policy.residency.scan.names,
        "modalities": given.modalities or (("image",) if given.has_images else ()),
        "key": "stated",
    }
    signals = Signals(**fields, **asked)
    covers = policy.covers(facts_of_signals(signals), {"tenant": given.tenant, "lane": given.lane})
    names = [cover.budget for cover in covers if policy.budget(cover.budget) is not None] or ["stated"]
    budgets = tuple(BudgetStanding(name=name, left=given.budget_left) for name in names if given.budget_left < 1)
    targets = {name: TargetStanding(healthy=False) for name in down}
    return Case(signals, Snapshot(targets=targets, budgets=budgets))


def found_of(given: Given, policy: Policy) -> Classification:
    """What a scan would have found in such a request."""
    return Classification(
        data_class=given.data_class or "public",
        findings=tuple(Finding(type=kind, count=1) for kind in given.types),
        special=given.special,
        origin=given.origin,
        scan=given.scan,
        names_scanned=policy.residency.scan.names,
        names_covered=given.names_covered,
        engine="stated",
        units="stated",
    )


def _given(words: list[str]) -> Given:
    """Facts of the command line, held against the same model as the examples in the files."""
    values: dict[str, object] = {}
    entries: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if equals and name.startswith(METADATA) and name != METADATA:
            entries[name.removeprefix(METADATA)] = text
            continue
        if not equals or name not in Given.model_fields:
            hint = did_you_mean(name, [*Given.model_fields, *ASKED])
            raise InvalidRequest(f"{word}: write a fact as name=value; there is no fact {name}{hint}")
        values[name] = _value(name, text)
    if entries:
        listed = values.get("metadata", {})
        values["metadata"] = {**(listed if isinstance(listed, dict) else {}), **entries}
    try:
        return Given.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"{first['loc'][0]}: {first['msg']}") from None


def _value(name: str, text: str) -> object:
    if name in _LISTS:
        return tuple(part for part in text.split(",") if part)
    if name == "metadata":
        return dict(part.partition("=")[::2] for part in text.split(","))
    kinds = str(Given.model_fields[name].annotation)
    if "bool" in kinds:
        return {"true": True, "false": False}.get(text, text)
    return _number(text) if "int" in kinds or "float" in kinds else text


def _number(text: str) -> object:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text


def _asked(words: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            values[name] = TypeAdapter(ASKED[name]).validate_strings(text)
        except ValidationError as error:
            raise InvalidRequest(f"{name}: {error.errors(include_url=False)[0]['msg']}") from None
    return values
