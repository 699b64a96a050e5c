"""The parts of the embedded default, in waves: a wave starts when the one before it answers."""

import sys
from pathlib import Path
from textwrap import dedent

from pipeline.embedded import binaries
from pipeline.embedded.catalogue import DEFAULT_PAIR, find
from pipeline.embedded.child import Spec
from pipeline.embedded.home import Home
from pipeline.embedded.listening import free_port
from pipeline.embedded.options import ModelChoice, Options, Ports
from pipeline.embedded.probes import connected, http_ok, valkey_pong
from pipeline.embedded.pull import present
from pipeline.errors import ModelMissing
from pipeline.topology import STAGES

__all__ = ["Waves", "waves"]

Waves = tuple[tuple[Spec, ...], ...]


def waves(options: Options) -> Waves:
    """Every program of this choice.

    Raises:
        PartMissing: a program is not installed.
        ModelMissing: weights are not on this machine.
    """
    home = Home(options.home)
    stores = (_nats(home, options.ports), _valkey(home, options.ports))
    provision = Spec("provision", (*_stepwell(), "provision"), patience_s=60.0)
    return ((*stores, *_model_servers(options, home)), (provision,), (*_workers(options), _door(options.ports)))


def _stepwell() -> tuple[str, ...]:
    return (sys.executable, "-m", "stages")


def _nats(home: Home, ports: Ports) -> Spec:
    path = home.nats / "nats.conf"
    files = ((path, _nats_configuration(home, ports)),)
    ready = http_ok(f"http://127.0.0.1:{ports.monitor}/healthz?js-enabled-only=true")
    return Spec("nats", (str(binaries.nats_server()), "--config", str(path)), ready, ports.nats, files=files)


def _nats_configuration(home: Home, ports: Ports) -> str:
    return dedent(f"""\
        # Written by `stepwell up` at each start.
        server_name: stepwell
        listen: "127.0.0.1:{ports.nats}"
        http: "127.0.0.1:{ports.monitor}"
        # Stored messages reach the disk when the system writes its buffers, at the latest after sync_interval.
        # They survive the end of any process, kill -9 included, but a power cut may take the last two minutes.
        # In production: `sync_interval: always`, or three replicas.
        jetstream {{ store_dir: "{home.nats}", sync_interval: "2m" }}
        """)


def _valkey(home: Home, ports: Ports) -> Spec:
    path = home.valkey / "valkey.conf"
    files = ((path, _valkey_configuration(home, ports)),)
    command = (str(binaries.valkey_server()), str(path))
    return Spec("valkey", command, valkey_pong(ports.valkey), ports.valkey, files=files)


def _valkey_configuration(home: Home, ports: Ports) -> str:
    return dedent(f"""\
        # Written by `stepwell up` at each start. A cache: nothing is kept over a restart.
        bind 127.0.0.1
        port {ports.valkey}
        protected-mode yes
        daemonize no
        dir "{home.valkey}"
        save ""
        appendonly no
        maxmemory 256mb
        maxmemory-policy allkeys-lru
        """)


def _model_servers(options: Options, home: Home) -> tuple[Spec, ...]:
    small = ("small", options.small, options.ports.small, DEFAULT_PAIR[0])
    large = ("large", options.large, options.ports.large, DEFAULT_PAIR[1])
    wanted = [entry for entry in (small, large) if entry[1].url is None]
    if options.models == "none" or not wanted:
        return ()
    if options.models == "scripted":
        return (_scripted(options.ports.scripted),)
    return tuple(_model_server(name, choice, port, default, home) for name, choice, port, default in wanted)


def _scripted(port: int) -> Spec:
    command = (sys.executable, "-m", "pipeline.embedded.scripted", "--port", str(port), "--delay-ms", "20-50")
    return Spec("scripted", command, http_ok(f"http://127.0.0.1:{port}/health"), port)


def _model_server(name: str, choice: ModelChoice, port: int, default: str, home: Home) -> Spec:
    path = _weights(choice, default, home)
    program = (sys.executable, "-m", "pipeline.embedded.model_server")
    options = ("--path", str(path), "--port", str(port), "--alias", choice.model or default)
    ready = http_ok(f"http://127.0.0.1:{port}/health")
    return Spec(f"model-{name}", (*program, *options), ready, port, patience_s=300.0, watched=True)


def _weights(choice: ModelChoice, default: str, home: Home) -> Path:
    if choice.gguf is not None:
        if not choice.gguf.is_file():
            raise ModelMissing(f"there is no file {choice.gguf}; give the path of a GGUF file")
        return choice.gguf.resolve()
    path = present(find(default), home)
    if path is None:
        raise ModelMissing(
            f"the weights of {default} are not on this machine;"
            " run stepwell models pull, or start with --models scripted"
        )
    return path


def _workers(options: Options) -> tuple[Spec, ...]:
    sets: list[tuple[str, ...]] = [(stage,) for stage in STAGES] if options.split else [()]
    numbers = range(1, options.workers + 1)
    stages = (_worker(_worker_name(names, number, options.workers), names) for names in sets for number in numbers)
    ready = connected(options.ports.monitor, "worker-allocate")
    return (*stages, Spec("allocate", (*_stepwell(), "worker", "allocate"), ready, patience_s=90.0))


def _worker(name: str, stages: tuple[str, ...]) -> Spec:
    metrics = free_port()
    command = (*_stepwell(), "worker", *stages, "--metrics-port", str(metrics))
    return Spec(name, command, http_ok(f"http://127.0.0.1:{metrics}/readyz"), metrics, patience_s=90.0)


def _worker_name(stages: tuple[str, ...], number: int, of: int) -> str:
    return "-".join(("worker", *stages, *((str(number),) if of > 1 else ())))


def _door(ports: Ports) -> Spec:
    command = (*_stepwell(), "serve", "--port", str(ports.door))
    return Spec("door", command, http_ok(f"http://127.0.0.1:{ports.door}/readyz"), ports.door, patience_s=90.0)
