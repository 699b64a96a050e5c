"""Who may be asked about remembered questions."""

from pathlib import Path

import pytest
from policy_files import ROUTES, write

from pipeline.policy.load import check_folder

TENANTS = "apiVersion: stepwell/v1\nkind: Tenants\ntenants:\n  acme: {variants: {near: far}}\n"


def found(folder: Path, verifier: str, **more: str) -> list[str]:
    routes = f"{ROUTES}    cache:\n      semantic:\n        verifier: {verifier}\n"
    return [str(problem) for problem in check_folder(write(folder, routes=routes, **more), {}).problems]


def test_one_of_our_own_may_be_asked(tmp_path: Path) -> None:
    assert found(tmp_path, "{variant: near, above: 0.8, timeout: 2}") == []


@pytest.mark.parametrize(
    ("verifier", "said"),
    [("{variant: far}", "is external"), ("{variant: naer}", "no such variant: naer (did you mean near?)"), ("{}", "")],
)
def test_another_is_refused_where_it_is_written(tmp_path: Path, verifier: str, said: str) -> None:
    """With the file, the line and the column."""
    (problem,) = found(tmp_path, verifier)
    assert "routes.yaml:11:" in problem
    assert said in problem


def test_nor_may_a_tenant_put_one_from_outside_in_its_place(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, "{variant: near}", tenants=TENANTS)
    assert "tenants.yaml:4:" in problem
    assert "far takes the place of near" in problem
