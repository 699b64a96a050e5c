"""What has to hold before anything is started, each with the sentence that tells a person what to do."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import psutil

from pipeline.embedded.child import Spec
from pipeline.embedded.home import Home
from pipeline.embedded.identity import ProcessId
from pipeline.embedded.listening import is_free, listener_on
from pipeline.embedded.options import Options
from pipeline.embedded.parts import Waves
from pipeline.embedded.state import read_state, survivors
from pipeline.errors import AlreadyRunning, PortInUse
from pipeline.policy.load import load_folder

__all__ = ["end_leftovers", "owned", "require_free_ports", "require_policies"]

_LAST_PORT: Final = 65_535


@contextmanager
def owned(home: Home) -> Iterator[None]:
    """Own the data folder. The kernel gives it back when this process ends, however it ends.

    Raises:
        AlreadyRunning: another supervisor owns it.
    """
    descriptor = os.open(home.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"Stepwell already runs in {home.root}; use it, stop it with stepwell down, or give another --home"
            ) from None
        yield
    finally:
        os.close(descriptor)


def require_free_ports(options: Options, waves: Waves) -> None:
    """Check that nobody listens where our parts will.

    Raises:
        PortInUse: somebody does; the message names every such port and, where the system tells, the program, and says
            which others to take.
    """
    wanted = list(_wanted(options, waves))
    taken = [(name, port) for name, port in wanted if not is_free(port)]
    if taken:
        raise PortInUse(_in_use(taken, {port for _, port in wanted}))


def require_policies(options: Options) -> None:
    """Check that the folder of policies can be read, as every part will read it.

    Raises:
        PolicyInvalid: with one line for each problem.
    """
    load_folder(options.policies, options.environment(os.environ))


def end_leftovers(home: Home) -> int:
    """End what a supervisor that died left running, and say how many. None, where the kernel ends orphans for us."""
    state = read_state(home.state)
    orphans = survivors(state.parts) if state else []
    for orphan in orphans:
        _terminate(orphan)
    home.state.unlink(missing_ok=True)
    return len(orphans)


def _terminate(orphan: ProcessId) -> None:
    process = orphan.process()
    if process is None:
        return
    process.terminate()
    try:
        process.wait(5)
    except psutil.TimeoutExpired:
        process.kill()


def _wanted(options: Options, waves: Waves) -> Iterable[tuple[str, int]]:
    specs: list[Spec] = [spec for wave in waves for spec in wave]
    yield from ((spec.name, spec.port) for spec in specs if spec.port is not None)
    yield "monitor", options.ports.monitor


def _in_use(taken: list[tuple[str, int]], wanted: set[int]) -> str:
    """Who is in the way, and the options that go round all of them at once."""
    told, options, avoid = [], [], set(wanted)
    for name, port in taken:
        program = listener_on(port)
        told.append(f"port {port} for {name} is in use{f' by {program}' if program else ''}")
        other = next((one for one in range(port + 1, _LAST_PORT + 1) if one not in avoid and is_free(one)), None)
        if other is not None:
            avoid.add(other)
            options.append(f"{name.removeprefix('model-')}={other}")
    programs, others = ("that program", "another") if len(taken) == 1 else ("those programs", "others")
    return f"{'; '.join(told)}; stop {programs} or choose {others} with --ports {','.join(options)}"
