"""The residency policy that ships, made to fit an imported set: without examples and providers that are not in it."""

import io
from collections.abc import Collection

from ruamel.yaml import YAML

__all__ = ["residency_for"]


def residency_for(text: str, providers: Collection[str]) -> str:
    """The text of a residency file with its comments, without what names targets or providers of another set."""
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(text)
    document.pop("examples", None)
    visible = document.get("visibility", {}).get("providers", {})
    for name in [name for name in visible if name != "default" and name not in providers]:
        del visible[name]
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()
