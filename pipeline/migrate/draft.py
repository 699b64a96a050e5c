"""A policy that is being written: parts with the comments that say where each came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Draft", "Part"]


@dataclass(slots=True)
class Part:
    """One mapping of a policy file: `before` are lines of comment above it, `beside` stand beside its keys."""

    spec: dict[str, object]
    before: list[str] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """The parts of all files. `variables` are those that the policy needs, each with what it holds."""

    targets: dict[str, Part] = field(default_factory=dict)
    variants: dict[str, Part] = field(default_factory=dict)
    routes: list[Part] = field(default_factory=list)
    limits: dict[str, Part] = field(default_factory=dict)
    budgets: list[Part] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def files(self) -> Mapping[str, Mapping[str, object]]:
        """The content of the files without comments, for who wants to look something up in it."""
        return {
            "models": {
                "targets": {name: part.spec for name, part in self.targets.items()},
                "variants": {name: part.spec for name, part in self.variants.items()},
            },
            "routes": {"routes": [part.spec for part in self.routes], "record_metadata": self.metadata},
            "limits": {name: part.spec for name, part in self.limits.items()},
            "budgets": {"budgets": [part.spec for part in self.budgets]},
        }
