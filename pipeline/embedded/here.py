"""The surroundings of a command on this machine: the environment, and what the running Stepwell of the folder adds."""

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.embedded.home import Home
from pipeline.embedded.state import running
from pipeline.settings import Settings

__all__ = ["environment_here", "settings_here"]


def environment_here(home: Path | None = None, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment; what it leaves open is as the running Stepwell of the folder has it."""
    env = dict(os.environ if environment is None else environment)
    if home is not None:
        env["STEPWELL_HOME"] = str(home)
    state = running(Home(Settings.from_environment(env).home).state)
    return env if state is None else {**state.options.environment(env), **env}


def settings_here(home: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment_here`."""
    return Settings.from_environment(environment_here(home, environment))
