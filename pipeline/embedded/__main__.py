"""`python -m pipeline.embedded OPTIONS`: the supervisor without a terminal, as `stepwell up --detach` starts it."""

import asyncio
import sys

from pipeline.embedded.options import Options
from pipeline.embedded.stack import serve
from pipeline.errors import StepwellError


def main() -> int:
    """Serve the options given as one JSON argument."""
    try:
        asyncio.run(serve(Options.from_json(sys.argv[1])))
    except StepwellError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
