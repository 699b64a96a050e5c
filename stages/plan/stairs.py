"""The tiers of a plan: for each of the route one eligible variant, and those who take over where it fails. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.contracts import Rung, Signals, Snapshot, Tier
from pipeline.contracts.trusted import trusted
from pipeline.policy import Policy
from pipeline.policy.models import Route, TierSpec
from stages.plan.conditions import Case, Cut
from stages.plan.eligible import Judge
from stages.plan.prefer import Preferences, pick
from stages.plan.wishes import Wishes

__all__ = ["Builder", "Stair", "affordable"]


class Stair(NamedTuple):
    """A tier, and by what its variant was chosen: a way of choosing, `fallback`, `loop`, `pin` or `budget`."""

    tier: Tier
    how: str


class Builder:
    """Builds the stairs of one request."""

    def __init__(
        self, signals: Signals, snapshot: Snapshot, policy: Policy, route: Route, wishes: Wishes, judge: Judge
    ) -> None:
        self._signals = signals
        self._policy = policy
        self._route = route
        self._wishes = wishes
        self._judge = judge
        self._weights = _weights(route, snapshot)
        self._prefer = Preferences(signals, route, (judge.tenant.regions, route.regions), wishes)

    def stairs(self, *, pinned: bool) -> list[Stair]:
        """One stair for each tier of the route that has an eligible variant, or an eligible fallback of one."""
        if pinned:
            name = next(iter(self._route.tiers[0].variants))
            return [Stair(self._tier(name, 1.0, 0, ()), "pin")] if self._judge.takes(name) else []
        return self._from(0, [])

    def loop(self) -> list[Stair]:
        """The stairs from the variant on whose tool call is answered; none where it is gone or not eligible.

        What its call began, it goes on with: it alone knows why it called. Tiers below it are left, and those above it
        stay for the case that its answer does not suffice.
        """
        name = self._signals.busy_with
        if name is None or name not in self._policy.variants_of(self._signals.tenant):
            return []
        index = self._tier_of(name)
        if not self._judge.takes(name, deeper=bool(index)):
            return []
        if index is None:
            return [Stair(self._tier(name, 1.0, 0, ()), "loop")]
        version = self._weights[index][1]
        first = Stair(self._tier(name, 1.0, version, self._fallbacks(self._route.tiers[index], name, index)), "loop")
        return self._from(index + 1, [first])

    def in_need(self, order: Sequence[str]) -> list[Stair]:
        """One stair of the variants that a used up budget leaves, where the route has none of them."""
        left = self._outliers_last([name for name in order if self._judge.takes(name)])
        if not left:
            return []
        fallbacks = left[1:] if self._wishes.fallbacks else []
        return [Stair(self._tier(left[0], 1.0, 0, fallbacks), "budget")]

    def spares(self, order: Sequence[str]) -> list[Rung]:
        """Who answers in place of a first tier whose attempt a budget denies, though its plan saw enough of it."""
        variants = self._policy.variants
        left = self._outliers_last([name for name in order if self._judge.takes(name)])
        return [trusted(Rung, {"variant": name, "target": variants[name].target}) for name in left]

    def lookers(self, *, drafts: bool) -> tuple[Rung, ...]:
        """Who may be asked about drafts and remembered questions, of those that the route names for it.

        To be called when the tiers are settled: who may not be asked is none that was left out of them.
        Without `drafts` there is none that could be escalated.
        """
        variants, semantic = self._policy.variants, self._route.cache.semantic
        named = [look.variant for look in self._route.accept.looks] if drafts else []
        named += [semantic.verifier.variant] if semantic is not None and semantic.verifier is not None else []
        names = dict.fromkeys(self._own(name) for name in named if name is not None)
        able = [name for name in names if self._judge.takes(name, deeper=True)]
        if semantic is not None and semantic.embedder is not None:
            embedder = self._own(semantic.embedder)
            able += [embedder] if self._judge.embeds(embedder) else []
        return tuple([trusted(Rung, {"variant": name, "target": variants[name].target}) for name in able])

    def cut(self, stairs: Sequence[Stair]) -> Cut | None:
        """Whose money took away what comes after the last of these stairs; None: nobody's did."""
        if not self._judge.by_money:
            return None
        last = stairs[-1].tier.variant
        names = [list(map(self._own, (*spec.variants, *spec.fallbacks))) for spec in self._route.tiers]
        place = max((index for index, tier in enumerate(names) if last in tier), default=-1)
        gone = (self._judge.by_money.get(name) for tier in reversed(names[place + 1 :]) for name in tier)
        return next((why for why in gone if why is not None), None)

    def relieved(self) -> bool:
        """Whether a budget took away who else might have answered first."""
        gone, weights = self._judge.by_money, self._weights[0][0]
        return bool(gone) and any(
            weight > 0.0 and gone.get(self._own(name)) == "budget" for name, weight in weights.items()
        )

    def _from(self, start: int, stairs: list[Stair]) -> list[Stair]:
        """The stairs from this tier of the route on. A stand-in that was asked below would only say the same again."""
        for index, spec in enumerate(self._route.tiers[start:], start):
            stair = self._stair(index, spec)
            if stair is None:
                continue
            if stair.how == "fallback" and any(stair.tier.variant == lower.tier.variant for lower in stairs):
                continue
            stairs.append(stair)
        return stairs

    def _stair(self, index: int, spec: TierSpec) -> Stair | None:
        weights, version = self._weights[index]
        candidates = self._candidates(weights, deeper=index > 0)
        if self._judge.outliers:
            candidates = self._without_outliers(candidates, spec, index)
        chosen = pick(spec.choose, candidates, f"{self._route.name}/{index}", self._prefer)
        if chosen is None:
            return self._stand_in(spec, index)
        name = self._own(chosen.variant)
        return Stair(self._tier(name, chosen.propensity, version, self._fallbacks(spec, name, index)), chosen.how)

    def _stand_in(self, spec: TierSpec, index: int) -> Stair | None:
        """The first fallback that is eligible, where none of the tier's own variants is."""
        left = self._fallbacks(spec, None, index)
        return Stair(self._tier(left[0], 1.0, 0, left[1:]), "fallback") if left else None

    def _without_outliers(
        self, candidates: dict[str, tuple[float, Case]], spec: TierSpec, index: int
    ) -> dict[str, tuple[float, Case]]:
        """Those that do as well as the others; all of them, where nobody else could be called for the tier."""
        stands_out = self._judge.stands_out
        well = {name: found for name, found in candidates.items() if not stands_out(found[1].variant)}
        if not well and all(map(stands_out, self._fallbacks(spec, None, index))):
            return candidates
        self._judge.spare(case.variant for name, (_, case) in candidates.items() if name not in well)
        return well

    def _candidates(self, weights: Mapping[str, float], *, deeper: bool) -> dict[str, tuple[float, Case]]:
        """The eligible variants by the name that the policy gives them, whoever takes their place for this tenant."""
        found, judge, owns = {}, self._judge, self._judge.tenant.variants
        for name, weight in weights.items():
            own = owns.get(name, name)
            if weight > 0.0 and judge.takes(own, deeper=deeper):
                found[name] = (weight, judge.case(own))
        return found

    def _fallbacks(self, spec: TierSpec, chosen: str | None, index: int) -> list[str]:
        if not self._wishes.fallbacks or not spec.fallbacks:
            return []
        names = dict.fromkeys(self._own(name) for name in spec.fallbacks)
        left = [name for name in names if name != chosen and self._judge.takes(name, deeper=index > 0)]
        return self._outliers_last(self._ordered(left))

    def _outliers_last(self, names: list[str]) -> list[str]:
        """Who does much worse than those beside it is called after all others."""
        return sorted(names, key=self._judge.stands_out) if self._judge.outliers else names

    def _ordered(self, names: list[str]) -> list[str]:
        """In the caller's order, where there is one; among its equals, in that of the policy."""
        order = self._wishes.order
        if not order:
            return names

        def place(name: str) -> int:
            case = self._judge.case(name)
            at = (i for i, wished in enumerate(order) if wished in (case.name, case.target.provider))
            return next(at, len(order))

        return sorted(names, key=place)

    def _tier(self, name: str, propensity: float, version: int, fallbacks: Iterable[str]) -> Tier:
        variants = self._policy.variants
        fields = {
            "variant": name,
            "target": variants[name].target,
            "propensity": propensity,
            "weights_version": version,
            "fallbacks": tuple(
                [trusted(Rung, {"variant": other, "target": variants[other].target}) for other in fallbacks]
            ),
        }
        return trusted(Tier, fields)

    def _own(self, name: str) -> str:
        """The variant that takes its place for this tenant, such as an adapter of its own."""
        return self._judge.tenant.variants.get(name, name)

    def _tier_of(self, name: str) -> int | None:
        """The first tier of the route that has the variant, or else the first for which it takes over."""
        tiers = self._route.tiers
        chosen = (i for i, spec in enumerate(tiers) if name in map(self._own, spec.variants))
        taking_over = (i for i, spec in enumerate(tiers) if name in map(self._own, spec.fallbacks))
        return next(chosen, next(taking_over, None))


def _weights(route: Route, snapshot: Snapshot) -> list[tuple[Mapping[str, float], int]]:
    """The weights of each tier with their version. Published ones that speak of other variants are out of date."""
    tiers: list[tuple[Mapping[str, float], int]] = [(tier.variants, 0) for tier in route.tiers]
    if snapshot.route != route.name or len(snapshot.weights) != len(tiers):
        return tiers
    return [
        (newer, snapshot.weights_version) if newer.keys() == own.keys() else (own, version)
        for newer, (own, version) in zip(snapshot.weights, tiers, strict=True)
    ]


def affordable(stairs: Sequence[Stair], judge: Judge, ceiling: float | None) -> list[Stair]:
    """The stairs whose worst costs together stay within the caller's money: the tiers first, then their fallbacks.

    Any of them may be called and charged, a call that failed as well, so all of them count.
    """
    if ceiling is None:
        return list(stairs)
    purse = _Purse(judge, ceiling)
    kept = [stair for stair in stairs if purse.pays(stair.tier)]
    return [Stair(_shorter(stair.tier, purse), stair.how) for stair in kept]


class _Purse:
    """The caller's money, less the worst costs of what was taken so far."""

    def __init__(self, judge: Judge, ceiling: float) -> None:
        self._judge = judge
        self._ceiling = ceiling
        self._spent = 0.0

    def pays(self, rung: Rung | Tier) -> bool:
        """Take a call of it, if that can be paid; else keep why not."""
        total = self._spent + (self._judge.case(rung.variant).cost_usd or 0.0)
        if total <= self._ceiling:
            self._spent = total
            return True
        reason = f"up to {total:.6f} USD with what is called before it is above the ceiling of {self._ceiling:g}"
        self._judge.exclude(rung.target, "price", reason)
        self._judge.by_money.setdefault(rung.variant, "max_cost")
        return False


def _shorter(tier: Tier, purse: _Purse) -> Tier:
    if not tier.fallbacks:
        return tier
    return tier.model_copy(update={"fallbacks": tuple(rung for rung in tier.fallbacks if purse.pays(rung))})
