"""The rule by which memory is called flat, tried on memory that is known to be flat, or not."""

from pathlib import Path

import pytest

from bench.growth import Look, Looks, cpu_ms_per_line, is_flat, lost_per_kill, quiet_rate, slopes

LINES = 100_000


def looks(mib: dict[int, float], *, lives: dict[int, int] | None = None, lines: int = LINES) -> list[Look]:
    """One look a second at 500 lines a second. `mib`: what one process uses from a second on."""
    found, life = [], 0
    for second in range(lines // 500 + 1):
        life = (lives or {}).get(second, life)
        grown = mib[max(at for at in mib if at <= second)]
        found.append(Look(float(second), second * 500, life, {"nats": grown}, {"nats": second * 0.5}, {"nats": life}))
    return found


def line(start: float, per_line: float, seconds: range) -> dict[int, float]:
    return {second: start + (second - seconds.start) * 500 * per_line for second in seconds}


def test_what_stays_is_flat_and_what_rises_before_a_fifth_of_the_lines_is_not_asked() -> None:
    seen = looks(line(20, 0.01, range(40)) | line(420, 0.0, range(40, 201)))
    assert slopes(seen, LINES) == {"nats": 0.0}
    assert is_flat(slopes(seen, LINES)) is True


def test_what_grows_is_not_flat() -> None:
    seen = looks(line(100, 30 / LINES, range(201)))
    assert slopes(seen, LINES)["nats"] == pytest.approx(30, abs=0.1)
    assert is_flat(slopes(seen, LINES)) is False
    assert is_flat(slopes(seen, LINES), but=("nats",)) is None


def test_a_fresh_start_hides_no_growth_and_warming_up_is_none() -> None:
    """Three lives, each of which grows as fast, and each of which begins small."""
    lives = {70: 1, 130: 2}
    mib = (
        line(100, 30 / LINES, range(70))
        | line(100, 30 / LINES, range(70, 130))
        | line(100, 30 / LINES, range(130, 201))
    )
    for start in lives:
        mib |= line(10, 0.01, range(start, start + 15))
    assert slopes(looks(mib, lives=lives), LINES)["nats"] == pytest.approx(30, abs=0.5)


def test_of_few_lines_nothing_is_said() -> None:
    seen = looks(line(100, 1.0, range(41)), lines=20_000)
    assert slopes(seen, 20_000) == {"nats": None}
    assert is_flat({"nats": None}) is None


def test_what_a_kill_costs_follows_from_the_speed_without_kills() -> None:
    """Ten seconds in which nothing ends, after one kill."""
    seen, ended = [], 0
    for second in range(200):
        ended += 0 if 100 <= second < 110 else 300
        seen.append(Look(float(second), ended, int(second >= 100), {}, {}, {}))
    assert quiet_rate(seen) == 300
    assert lost_per_kill(seen) == pytest.approx(10, abs=0.1)
    assert cpu_ms_per_line(looks({0: 1.0}))["nats"] == pytest.approx(1.0)


def test_what_was_written_is_read_again_also_where_the_last_line_is_torn(tmp_path: Path) -> None:
    log = tmp_path / "looks.jsonl"
    written = Looks(log)
    for look in looks({0: 1.0}, lines=2000):
        written.add(look)
    log.write_text(log.read_text() + '{"at": 9')
    assert Looks.read(log).kept == written.kept


def test_a_long_run_keeps_as_many_looks_as_a_short_one() -> None:
    many = Looks()
    for look in looks({0: 1.0}, lines=5_000_000):
        many.add(look)
    assert 1000 <= len(many.kept) <= 2000
    assert many.kept[-1].ended > 4_900_000
