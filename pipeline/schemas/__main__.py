"""`python -m pipeline.schemas [--check]`: write the rendered files, or say which ones are out of date."""

import sys

from pipeline.schemas.render import outdated, render, write


def main() -> int:
    """Exit code 1 with `--check` and a difference."""
    files = render()
    stale = outdated(files)
    if "--check" not in sys.argv[1:]:
        write(files, stale)
        return 0
    for path in stale:
        sys.stderr.write(f"{path}: differs from what the code renders: run `make schemas` and commit the result\n")
    return 1 if stale else 0


sys.exit(main())
