"""`python -m pipeline.embedded.model_server`: one GGUF file behind an OpenAI-shaped endpoint, in a process of its own.

A process of its own because a native abort takes its host along, and because weights are memory that one may want back.
"""

import argparse
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path

from pipeline.errors import PartMissing

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Read the options, load the weights, serve until told to stop.

    Example: python -m pipeline.embedded.model_server --path model.gguf --port 18101 --alias my-model
    """
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = _serve(options)
    except PartMissing as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    sys.stderr.write(f"{options.alias} answers at {getattr(server, 'listening_address', options.port)}\n")
    stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline.embedded.model_server", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", required=True, help="the name clients call the model by")
    parser.add_argument("--context", type=int, default=8192, help="tokens; one call may use all of them")
    parser.add_argument("--slots", type=int, default=2, help="calls served at a time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache-mib", type=int, default=256, help="memory for prompt prefixes")
    return parser


def _serve(options: argparse.Namespace) -> object:
    """Start the server; the constructor returns when the weights are loaded."""
    _let_waiting_threads_sleep()
    try:
        xllamacpp = import_module("xllamacpp")
    except ImportError as error:
        raise PartMissing("the model server is not installed; install the extra `local`: stepwell[local]") from error
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.path)
    parameters.model_alias = {options.alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = options.port
    parameters.n_ctx = options.context
    parameters.n_parallel = options.slots
    parameters.kv_unified = True  # otherwise each slot has its share of the context, and not the whole
    parameters.cache_ram_mib = options.cache_mib
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.threads
    parameters.n_gpu_layers = 0
    parameters.endpoint_metrics = True
    parameters.ui = False
    parameters.offline = True
    parameters.verbosity = -1
    return xllamacpp.Server(parameters)


def _let_waiting_threads_sleep() -> None:
    """Set how threads wait for each other, unless the environment says it; read when the library is loaded.

    By default they spin, and on a machine whose cores have other work an answer then takes five times as long
    (measured: 1.0 s alone and 5 to 9 s under load, against 1.2 s for both). Asleep at once they are woken hundreds of
    times for each token. `GOMP_SPINCOUNT=1000` in the environment, a wait of some microseconds before they sleep, makes
    answers a quarter faster where two cores are free, and a fifth slower where four and more processes want them: it is
    for whoever knows the machine, and no default.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


if __name__ == "__main__":
    sys.exit(main())
