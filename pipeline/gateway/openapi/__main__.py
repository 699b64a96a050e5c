"""`python -m pipeline.gateway.openapi [--check]`: write `schemas/openapi.json`, or say that it is out of date."""

import sys
from pathlib import Path

from pipeline.gateway.openapi.document import render


def main() -> int:
    """Exit code 1 with `--check` and a difference."""
    path = Path("schemas/openapi.json")
    text = render()
    if "--check" not in sys.argv[1:]:
        path.write_text(text)
        return 0
    if path.is_file() and path.read_text() == text:
        return 0
    sys.stderr.write(f"{path}: differs from what the code renders: run `make schemas` and commit the result\n")
    return 1


sys.exit(main())
