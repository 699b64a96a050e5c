"""`stepwell provision`: how much batch work may be out, and what is shown."""

from pathlib import Path

import pytest
from servers import NatsServer
from typer.testing import CliRunner
from whole import policies_for

from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.cli.provision import batch_room
from pipeline.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("slots", "room"), [(1, 1), (2, 1), (4, 3), (8, 6), (32, 24)])
def test_a_quarter_of_the_model_slots_is_left_to_interactive_work(tmp_path: Path, slots: int, room: int) -> None:
    folder = policies_for(tmp_path / "policies", "mini", "maxi")
    models = folder / "models.yaml"
    models.write_text(models.read_text().replace("slots: 32", f"slots: {slots}"))
    assert batch_room(Settings.from_environment({"STEPWELL_POLICIES": str(folder)})) == room


def test_a_dry_run_shows_what_would_be_made_and_makes_nothing(nats: NatsServer) -> None:
    app = make_app(Hooks(lambda *_, **__: None))
    environment = {
        "STEPWELL_NATS": nats.url,
        "STEPWELL_POLICIES": str(ROOT / "policies"),
        "STEPWELL_HOME": str(nats.store),
    }
    for _ in range(2):
        shown = CliRunner().invoke(app, ["provision", "--dry-run"], env=environment)
        assert shown.exit_code == 0, shown.output
        assert "create" in shown.output
    assert CliRunner().invoke(app, ["provision"], env=environment).exit_code == 0
    again = CliRunner().invoke(app, ["provision", "--dry-run"], env=environment)
    assert "everything is as it should be" in again.output
