"""Small policies for tests of classification: three targets, and rules and classes as each test needs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.policy import Policy
from pipeline.policy.load import load_folder

_MODELS = """
apiVersion: stepwell/v1
kind: Models
targets:
  here: {endpoint: "http://localhost:1/v1", model: m, provider: local, region: on-site, jurisdiction: EU,
         external: false, context_window: 8192}
  abroad: {endpoint: "http://localhost:2/v1", model: m, provider: p, region: us-1, jurisdiction: US,
           external: true, context_window: 8192}
variants: {here: {target: here}, abroad: {target: abroad}}
"""
_ROUTES = """
apiVersion: stepwell/v1
kind: Routes
routes:
  - name: chat
    match: '%s'
    tiers: [{variants: {here: 1}}]
  - name: rest
    tiers: [{variants: {here: 1}}]
"""
_RESIDENCY = """
apiVersion: stepwell/v1
kind: Residency
scan: {max_bytes: 1000, timeout: 1, names: %s}
classes:
  restricted: [CREDIT_CARD, SECRET]
  confidential: [PERSON, EMAIL]
  internal: [ORG, LOCATION, NRP]
thresholds: {default: 0.5, PERSON: 0.6}
special: {health: [MEDICAL_ID], belief: [NRP]}
%s
rules:%s
"""


def policy(
    folder: Path,
    rules: Sequence[Mapping[str, str]] = (),
    route: str = "req.has_tools",
    names: str = "true",
    more: str = "",
) -> Policy:
    """A policy with these residency rules (`when`, `action`) and more sections of the residency file."""
    lines = [
        f"\n  - {{id: rule-{number}, when: '{rule['when']}', action: {rule['action']}, reason: because}}"
        for number, rule in enumerate(rules)
    ]
    written = {
        "models.yaml": _MODELS,
        "routes.yaml": _ROUTES % route,
        "residency.yaml": _RESIDENCY % (names, more, "".join(lines) or " []"),
        "limits.yaml": "apiVersion: stepwell/v1\nkind: Limits\n",
    }
    for name, text in written.items():
        (folder / name).write_text(text.lstrip())
    return load_folder(folder, {})
