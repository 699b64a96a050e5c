"""What the files in `policies/` may say. Strict: an unknown key is an error with its place in the file."""

from typing import Annotated

from pydantic import Field

from pipeline.policy.models.accept import Accept, Look, PastErrors
from pipeline.policy.models.base import API_VERSION
from pipeline.policy.models.budgets import Allowance, BudgetExample, BudgetsFile, BudgetSpec, EscalationCap, Window
from pipeline.policy.models.escalation import EarlyExit, Escalation, OpenEarly
from pipeline.policy.models.examples import Given
from pipeline.policy.models.experiments import ExperimentsFile, ExperimentSpec
from pipeline.policy.models.limits import (
    AdmissionLimits,
    Breaker,
    Changes,
    Concurrency,
    Hedge,
    Lanes,
    LimitsFile,
    Outlier,
    Rate,
    Retry,
)
from pipeline.policy.models.remember import CachePolicy, SemanticCache, Verifier
from pipeline.policy.models.residency import (
    TRANSFORMS,
    Output,
    Pseudonyms,
    ResidencyExample,
    ResidencyFile,
    ResidencyRule,
    Scan,
)
from pipeline.policy.models.routes import (
    Preference,
    PriceCeiling,
    Route,
    RouteExample,
    RoutesFile,
    SkipDraft,
    TierSpec,
)
from pipeline.policy.models.scopes import Scope
from pipeline.policy.models.targets import (
    BUILTIN,
    ModelsFile,
    Price,
    Probe,
    Properties,
    ProviderBatches,
    Target,
    Timeouts,
    Variant,
    Vectors,
)
from pipeline.policy.models.tenants import TenantsFile, TenantSpec
from pipeline.policy.models.visibility import REQUIRED, Ceiling, Exposed, Sinks, Visibility

__all__ = [
    "API_VERSION",
    "BUILTIN",
    "REQUIRED",
    "TRANSFORMS",
    "Accept",
    "AdmissionLimits",
    "Allowance",
    "Breaker",
    "BudgetExample",
    "BudgetSpec",
    "BudgetsFile",
    "CachePolicy",
    "Ceiling",
    "Changes",
    "Concurrency",
    "Document",
    "EarlyExit",
    "Escalation",
    "EscalationCap",
    "ExperimentSpec",
    "ExperimentsFile",
    "Exposed",
    "Given",
    "Hedge",
    "Lanes",
    "LimitsFile",
    "Look",
    "ModelsFile",
    "OpenEarly",
    "Outlier",
    "Output",
    "PastErrors",
    "Preference",
    "Price",
    "PriceCeiling",
    "Probe",
    "Properties",
    "ProviderBatches",
    "Pseudonyms",
    "Rate",
    "ResidencyExample",
    "ResidencyFile",
    "ResidencyRule",
    "Retry",
    "Route",
    "RouteExample",
    "RoutesFile",
    "Scan",
    "Scope",
    "SemanticCache",
    "Sinks",
    "SkipDraft",
    "Target",
    "TenantSpec",
    "TenantsFile",
    "TierSpec",
    "Timeouts",
    "Variant",
    "Vectors",
    "Verifier",
    "Visibility",
    "Window",
]

Document = Annotated[
    ModelsFile | RoutesFile | ResidencyFile | LimitsFile | BudgetsFile | TenantsFile | ExperimentsFile,
    Field(discriminator="kind"),
]
