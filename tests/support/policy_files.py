"""Policy folders for tests: a small set to write to a folder, and edits of it."""

from pathlib import Path
from textwrap import dedent

DEFAULTS = Path(__file__).parents[2] / "policies"

MODELS = """\
apiVersion: stepwell/v1
kind: Models
targets:
  near:
    endpoint: http://127.0.0.1:1/v1
    model: near-model
    provider: local
    region: here
    jurisdiction: EU
    external: false
    context_window: 4096
  far:
    endpoint: http://127.0.0.1:2/v1
    model: far-model
    provider: hosted
    region: there
    jurisdiction: US
    external: true
    context_window: 4096
variants:
  near: {target: near}
  far: {target: far}
"""
ROUTES = """\
apiVersion: stepwell/v1
kind: Routes
routes:
  - name: chat
    match: "true"
    tiers:
      - variants: {near: 1}
      - variants: {far: 1}
"""
RESIDENCY = """\
apiVersion: stepwell/v1
kind: Residency
classes:
  restricted: [SECRET]
  confidential: [PERSON]
rules:
  - id: stays
    when: target.external && req.data_class != "public"
    action: deny
    reason: it stays here
"""
LIMITS = """\
apiVersion: stepwell/v1
kind: Limits
"""
FILES = {"models.yaml": MODELS, "routes.yaml": ROUTES, "residency.yaml": RESIDENCY, "limits.yaml": LIMITS}


def write(folder: Path, **changed: str) -> Path:
    """Write the small set; `routes="…"` replaces routes.yaml (dedented), and so on."""
    folder.mkdir(exist_ok=True)
    texts = FILES | {f"{name}.yaml": dedent(text) for name, text in changed.items()}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def swap(text: str, old: str, new: str) -> str:
    """Replace what must be there, once."""
    assert old in text, f"{old!r} is not in the text"
    return text.replace(old, new, 1)
