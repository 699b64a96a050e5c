"""Ordinary Python code without personal data: functions of the standard library of the running interpreter."""

import ast
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

__all__ = ["snippets"]

_LEAST, _MOST = 5, 60
_LEFT_OUT = {"test", "tests", "idlelib", "site-packages", "dist-packages", "__pycache__", "lib2to3", "encodings"}


def snippets(number: int, seed: int) -> list[str]:
    """`number` functions of 5 to 60 lines, drawn from all modules."""
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in library.rglob("*.py") if not _LEFT_OUT & set(path.relative_to(library).parts))
    draw = random.Random(seed)
    draw.shuffle(files)
    found: list[str] = []
    for path in files:
        found.extend(draw.sample(functions := list(_functions(path)), min(4, len(functions))))
        if len(found) >= number:
            break
    return found[:number]


def _functions(path: Path) -> Iterator[str]:
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (SyntaxError, UnicodeDecodeError):
        return
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _LEAST <= (node.end_lineno or 0) - node.lineno < _MOST:
            yield "\n".join(lines[node.lineno - 1 : node.end_lineno])
