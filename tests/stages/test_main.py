"""Interrupting the command before it has begun ends it without a word."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

STARTS = {
    "module": ["-m", "stages"],
    "command": ["-c", "import sys; from stages.__main__ import main; sys.exit(main())"],
}
INTERRUPTS = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
PASSES_OVER = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit(7)\n"


def started(how: str, folder: Path, module: str, text: str, before: object = None) -> subprocess.CompletedProcess[str]:
    """The command where somebody presses Ctrl-C while it reads `module`."""
    (folder / f"{module}.py").write_text(text)
    return subprocess.run(
        [sys.executable, *STARTS[how], "models", "list"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=before,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("how", STARTS)
@pytest.mark.parametrize("module", ["asyncio", "pydantic", "typer"])
def test_an_interrupt_while_the_program_is_read_is_exit_code_130_and_silent(
    how: str, module: str, tmp_path: Path
) -> None:
    ended = started(how, tmp_path, module, INTERRUPTS)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_an_interrupt_is_passed_over_where_whoever_starts_it_wants_so(tmp_path: Path) -> None:
    """As a shell does for what runs in the background, and `nohup`."""

    def ignored() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    assert started("module", tmp_path, "typer", PASSES_OVER, ignored).returncode == 7


def test_a_command_that_has_begun_is_interrupted_as_python_does_it() -> None:
    """So that it ends what it began; outside of any verb too it is the exit code alone."""
    lines = (
        "import os, signal, stages.__main__ as m, pipeline.cli.main as c\n"
        "def press(*_):\n"
        "    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('not reached')\n"
        "c.make_app = lambda *_: press\n"
        "m.main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
