"""Parts come up in order, come back when they die, and are gone when their supervisor is, however it ended."""

import asyncio
import os
import shutil
import signal
import sys
import textwrap
import time

import pytest

from pipeline.embedded.child import Spec
from pipeline.embedded.home import Home
from pipeline.embedded.identity import ProcessId
from pipeline.embedded.options import Options
from pipeline.embedded.state import read_state
from pipeline.embedded.supervisor import Supervisor, back_off
from pipeline.errors import NotRunning

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


async def yes():
    return True


@pytest.fixture
def options(tmp_path):
    Home(tmp_path).prepare()
    return Options(tmp_path, tmp_path)


def supervisor(options, *waves, watcher=lambda _: None):
    return Supervisor(options, waves, dict(os.environ), watcher)


def processes(state):
    return [part.process for part in state.parts if part.process is not None]


async def until(condition, limit_s=30.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_wave_starts_when_the_one_before_it_is_done(options):
    log = []
    first = Spec("first", (sys.executable, "-c", "import time; time.sleep(0.2)"))
    parts = supervisor(options, (first,), (Spec("second", SLEEP, yes),), watcher=lambda state: log.append(state.parts))
    await parts.start()
    seen = [tuple(part.condition for part in moment) for moment in log]
    assert seen.index(("done", "waiting")) < seen.index(("done", "starting"))
    assert seen[-1] == ("done", "ready")
    await parts.stop()


async def test_what_a_part_reads_is_written_anew_at_each_start(options):
    path = Home(options.home).root / "some" / "part.conf"
    read = options.home / "read"
    reads = f"import pathlib, time; pathlib.Path({str(read)!r}).write_bytes(open({str(path)!r}, 'rb').read())"
    command = (sys.executable, "-c", f"{reads}; time.sleep(60)")

    async def has_read():
        return read.exists()

    parts = supervisor(options, (Spec("a", command, has_read, files=((path, "words"),)),))
    await parts.start()
    try:
        shutil.rmtree(path.parent)
        read.unlink()
        (first,) = processes(parts.state)
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: parts.state.parts[0].restarts == 1 and parts.state.parts[0].condition == "ready")
        assert path.read_text() == "words"
    finally:
        await parts.stop()


async def test_stopping_leaves_no_process_and_no_state_behind(options):
    parts = supervisor(options, (Spec("a", SLEEP, yes), Spec("b", SLEEP, yes)))
    await parts.start()
    alive = processes(parts.state)
    assert len(alive) == 2
    assert read_state(Home(options.home).state) == parts.state
    await parts.stop()
    assert not any(process.alive for process in alive)
    assert read_state(Home(options.home).state) is None


async def test_a_part_that_is_killed_comes_back(options):
    parts = supervisor(options, (Spec("a", SLEEP, yes),))
    await parts.start()
    before = processes(parts.state)[0]
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: parts.state.parts[0].restarts == 1 and parts.state.parts[0].condition == "ready")
    assert processes(parts.state)[0] != before
    await parts.stop()


async def test_a_part_that_ends_at_once_is_named_with_its_last_words_and_the_others_are_stopped(options):
    bad = Spec("bad", (sys.executable, "-c", "raise SystemExit('the cellar is flooded')"), lambda: asyncio.sleep(0))
    parts = supervisor(options, (Spec("good", SLEEP, yes),), (bad,))
    with pytest.raises(NotRunning, match=r"bad ended with code 1 and said last: the cellar is flooded; its log is"):
        await parts.start()
    assert processes(parts.state) == []


async def test_a_part_that_never_answers_is_given_up(options):
    async def no():
        return False

    parts = supervisor(options, (Spec("deaf", SLEEP, no, patience_s=0.3),))
    with pytest.raises(NotRunning, match="deaf did not answer within 0 s"):
        await parts.start()


async def test_stopping_while_parts_come_up_stops_those_that_are_up(options):
    async def no():
        return False

    parts = supervisor(options, (Spec("a", SLEEP, yes),), (Spec("slow", SLEEP, no),))
    starting = asyncio.create_task(parts.start())
    await until(lambda: parts.state.parts[1].process is not None)
    alive = processes(parts.state)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert len(alive) == 2
    assert not any(process.alive for process in alive)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_children_die_even_when_the_supervisor_is_killed(options, tmp_path):
    program = textwrap.dedent(f"""
        import asyncio, os, sys
        from pathlib import Path
        from pipeline.embedded.child import Spec
        from pipeline.embedded.options import Options
        from pipeline.embedded.supervisor import Supervisor
        async def yes(): return True
        async def main():
            spec = Spec("a", (sys.executable, "-c", "import time; time.sleep(60)"), yes)
            parts = Supervisor(Options(Path({str(tmp_path)!r}), Path()), ((spec,),), dict(os.environ))
            await parts.start()
            await asyncio.sleep(60)
        asyncio.run(main())
    """)
    mother = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    await until(lambda: (state := read_state(Home(tmp_path).state)) is not None and state.ready)
    child = processes(read_state(Home(tmp_path).state))[0]
    assert child.alive
    mother.kill()
    await mother.wait()
    await until(lambda: not child.alive)


def test_restarts_wait_longer_each_time_up_to_ten_seconds():
    assert [back_off(restarts) for restarts in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_pid_that_was_given_to_another_program_is_not_ours():
    this = ProcessId.of(os.getpid())
    assert this.alive
    assert not ProcessId(this.pid, this.born - 3600).alive
