"""One message through one stage, or through as many stages as this worker runs: decide, publish, then acknowledge.

`runner.py` is the guarantee. Beside it: `wire.py`, the bytes that travel; `carried.py`, a request that no queue has;
`watch.py`, the deadline and the caller who takes a request back; `disposal.py`, what becomes of a message whose stage
raised: `endings.py`, the answer that says so, `waiting.py`, how long it waits, `letters.py`, what a dead letter keeps.
"""

from pipeline.runner.carried import Carried
from pipeline.runner.endings import error_body
from pipeline.runner.runner import Runner
from pipeline.runner.wire import dump_admitted, dump_envelope

__all__ = ["Carried", "Runner", "dump_admitted", "dump_envelope", "error_body"]
