"""What is deployed is what the program knows: commands, ports, variables, users, files."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML
from servers import binary, free_port

from pipeline.batch.feeder import LIMIT
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.layout import STEPS, consumers
from pipeline.permissions import USERS, password_variable
from pipeline.settings import Settings
from pipeline.topology import FIRST, STAGES
from stages.app import BUILDERS, run_worker

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "stepwell"}
CLI = typer.main.get_command(make_app(Hooks(run_worker)))
RUNS_STEPWELL = {name: service for name, service in OURS.items() if "entrypoint" not in service}
RUNS_NATS = {name: service for name, service in OURS.items() if service.get("entrypoint") == ["nats-server"]}

_VARIABLE = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)")


def plain(value: object) -> str:
    """A value of the file with its variables replaced by their defaults, or by a word."""
    return re.sub(r"\$\{[A-Z0-9_]+(?::-([^}]*)|:\?[^}]*)?\}", lambda match: match[1] or "filled", str(value))


def accepted(arguments: list[str]) -> Any:
    """The command of the real CLI that takes `arguments`, parsed without being run."""
    command: Any = CLI
    while hasattr(command, "commands") and arguments and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
    assert not hasattr(command, "commands"), f"no such command: {arguments}"
    return command.make_context("stepwell", list(arguments))


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {name: plain(value) for name, value in service.get("environment", {}).items()}


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("name", sorted(set(RUNS_STEPWELL) - {"cli"}))
def test_every_command_is_one_of_the_program(name: str) -> None:
    """Verb, options and arguments are taken by the real command line."""
    accepted([plain(word) for word in SERVICES[name]["command"]])


def test_a_wrong_command_would_be_found() -> None:
    """The measure itself: an option that does not exist is refused, and a verb that does not exist."""
    with pytest.raises(Exception, match=r"(?i)no such option"):
        accepted(["serve", "--porte", "1"])
    with pytest.raises(AssertionError):
        accepted(["wrok"])


def test_every_stage_has_a_worker_in_the_split_profile() -> None:
    """One process for each stage the composition root knows, under its own user."""
    split = {name: service for name, service in SERVICES.items() if "split" in service.get("profiles", ())}
    assert {service["command"][1] for service in split.values()} == set(STAGES) == set(BUILDERS)
    for service in split.values():
        verb, stage = service["command"]
        assert verb == "worker"
        assert environment(service)["STEPWELL_NATS_USER"] == stage


def test_what_starts_by_default_is_a_whole_cascade() -> None:
    """Without any profile: NATS, Valkey, provisioning, the fused worker, the allocator and the door."""
    default = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert default == {"nats", "valkey", "provision", "worker", "allocate", "door"}
    assert not accepted(SERVICES["worker"]["command"]).params["stages"]
    assert list(accepted(SERVICES["allocate"]["command"]).params["stages"]) == ["allocate"]


def test_the_image_runs_the_program() -> None:
    """Its entry point is our console script, its user is nobody, and everything is installed by hash."""
    lines = (DEPLOY / "Containerfile").read_text()
    assert 'ENTRYPOINT ["stepwell"]' in lines
    assert re.search(r"^USER 10001$", lines, re.MULTILINE)
    installs = re.findall(r"pip install ([^\\\n]*)", lines)
    assert installs
    assert all("--require-hashes" in install or "--no-index --no-deps" in install for install in installs)
    for copied in re.findall(r"^COPY (?!--)(.*) \S+$", lines, re.MULTILINE):
        for source in copied.split():
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0]}\n" in (ROOT / ".dockerignore").read_text()


def test_both_lanes_are_served_in_the_lanes_profile_and_others_go_before_batches() -> None:
    """A pool for each lane, with the rights of a fused worker; shares count between containers, `--nice` within one."""
    pools = {name: service for name, service in SERVICES.items() if "lanes" in service.get("profiles", ())}
    served = [accepted(service["command"]).params["lanes"].lanes for service in pools.values()]
    assert sorted(served) == [("batch",), ("interactive",)]
    for service in pools.values():
        assert environment(service) == environment(SERVICES["worker"])
        batch = "batch" in service["command"]
        assert service.get("cpu_shares", 1024) == (32 if batch else 1024)


def test_the_workers_of_batches_on_kubernetes_are_those_of_the_program() -> None:
    """Command, variables, user, and the queue whose length says how many there are."""
    deployment, scaled = YAML(typ="safe").load_all((DEPLOY / "batch-workers.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert accepted(container["args"]).params["lanes"].lanes == ("batch",)
    variables = {each["name"]: each for each in container["env"]}
    assert set(variables) <= read_by_settings() | read_by_the_command_line() | read_elsewhere()
    user = variables["STEPWELL_NATS_USER"]["value"]
    secret = variables["STEPWELL_NATS_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert (secret["name"], secret["key"]) == ("stepwell", password_variable(user))
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (trigger,) = scaled["spec"]["triggers"]
    (queue,) = (spec for spec in consumers() if (spec.lane, spec.stage) == ("batch", FIRST))
    assert (trigger["metadata"]["stream"], trigger["metadata"]["consumer"]) == (STEPS, queue.name)
    assert int(trigger["metadata"]["lagThreshold"]) * scaled["spec"]["maxReplicaCount"] <= LIMIT
    assert scaled["spec"]["minReplicaCount"] >= 1


# ---------------------------------------------------------------- ports


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_ports_are_those_that_are_listened_at() -> None:
    """Published and probed ports are the ones of the commands and of nats.conf."""
    door = SERVICES["door"]
    port = option(door["command"], "--port")
    assert door["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f":{port}/readyz" in door["healthcheck"]["test"][-1]
    assert "port: 4222\n" in (DEPLOY / "nats" / "nats.conf").read_text()
    assert SERVICES["nats"]["ports"] == ["127.0.0.1:4222:4222"]
    assert environment(SERVICES["worker"])["STEPWELL_NATS"].endswith(":4222")
    assert environment(SERVICES["worker"])["STEPWELL_VALKEY"].endswith(
        f"valkey:{option(SERVICES['valkey']['command'], '--port')}/0"
    )
    for service in RUNS_NATS.values():
        probed = option(service["command"], "--http_port")
        assert f":{probed}/healthz" in service["healthcheck"]["test"][-1]


def test_nothing_is_open_to_the_network_by_default() -> None:
    """Every published port is bound to this machine."""
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


# ---------------------------------------------------------------- variables


def read_by_settings() -> set[str]:
    """The variables that Settings looks up, observed while it does."""
    asked: set[str] = set()

    class Listening(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.add(key)
            return super().get(key, default)

    Settings.from_environment(Listening())
    return asked


def read_by_the_command_line(command: Any = CLI) -> set[str]:
    found = {parameter.envvar for parameter in command.params if isinstance(parameter.envvar, str)}
    for inner in getattr(command, "commands", {}).values():
        found |= read_by_the_command_line(inner)
    return found


def read_elsewhere() -> set[str]:
    """Variables named in the code as constants of their own, and those that policies fill in."""
    named = re.findall(
        r"_VARIABLE: Final = \"([A-Z_]+)\"", "\n".join(p.read_text() for p in ROOT.glob("pipeline/**/*.py"))
    )
    filled = [name for path in ROOT.glob("policies/*.yaml") for name in _VARIABLE.findall(path.read_text())]
    return {*named, *filled}


@pytest.mark.parametrize("name", sorted(RUNS_STEPWELL))
def test_every_variable_is_read(name: str) -> None:
    """A variable that nothing reads is a wish that nobody hears."""
    known = read_by_settings() | read_by_the_command_line() | read_elsewhere()
    assert set(environment(SERVICES[name])) <= known


@pytest.mark.parametrize("name", sorted(RUNS_NATS))
def test_nats_gets_exactly_the_variables_that_its_configuration_names(name: str) -> None:
    """A missing one would keep nats-server from starting."""
    service = SERVICES[name]
    config = DEPLOY / "nats" / Path(option(service["command"], "--config")).name
    included = (DEPLOY / "nats" / "users.conf").read_text()
    text = "\n".join(line for line in (config.read_text() + included).splitlines() if not line.lstrip().startswith("#"))
    wanted = {
        variable for variable in re.findall(r"(?<!\")\$([A-Z][A-Z0-9_]*)", text) if variable.startswith("STEPWELL")
    }
    assert set(service["environment"]) == wanted


def test_every_process_connects_as_a_user_that_exists_with_that_users_password() -> None:
    """User and password belong together."""
    for service in RUNS_STEPWELL.values():
        user = service["environment"]["STEPWELL_NATS_USER"]
        assert user in USERS
        assert f"${{{password_variable(user)}:?" in service["environment"]["STEPWELL_NATS_PASSWORD"]


def test_no_secret_is_written_down() -> None:
    """Passwords and keys have no default: they come from the environment, or nothing starts."""
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = re.findall(r"\$\{(STEPWELL_NATS_PASSWORD_\w+|STEPWELL_SECRET)([^}]*)\}", text)
    assert secrets
    assert all(rest.startswith(":?") for _, rest in secrets)


def test_the_script_makes_every_secret_that_is_asked_for() -> None:
    """One line for each, all different, each beginning with a letter."""
    made = subprocess.run(["/bin/sh", DEPLOY / "new-env.sh"], capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in made.splitlines())
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(values) == set(re.findall(r"\$\{(\w+):\?", text))
    assert len(set(values.values())) == len(values)
    assert all(value[0].isalpha() and len(value) >= 40 for value in values.values())


# ---------------------------------------------------------------- files and containers


def test_every_mounted_path_exists() -> None:
    """Folders of the checkout that containers see."""
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]


def test_containers_have_no_rights_they_do_not_need() -> None:
    """No capability, no way to gain one, and no writable file system for our own processes."""
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        if name in RUNS_STEPWELL:
            assert service["read_only"] is True


@pytest.mark.parametrize("config", ["nats.conf", "cluster.conf"])
def test_streams_are_on_disk_before_they_are_acknowledged(config: str) -> None:
    """`sync_interval: always` in every configuration that is deployed."""
    assert "sync_interval: always" in (DEPLOY / "nats" / config).read_text()


@pytest.mark.parametrize("name", sorted(RUNS_NATS))
def test_nats_server_takes_the_configuration(name: str, tmp_path: Path) -> None:
    """`nats-server -t` reads each of them with the variables of its service, as the command gives them."""
    service = SERVICES[name]
    shutil.copytree(DEPLOY / "nats", tmp_path / "nats")
    arguments = [plain(word).replace("/etc/nats", str(tmp_path / "nats")) for word in service["command"]]
    arguments = [str(tmp_path / "data") if word == "/data" else word for word in arguments]
    done = subprocess.run(
        [binary("nats-server"), *arguments, "-p", str(free_port()), "-t"],
        env={variable: f"p{plain(value)}" for variable, value in service["environment"].items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is valid" in done.stderr + done.stdout


def test_every_link_of_yaml_is_a_service() -> None:
    """Who is waited for exists."""
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
