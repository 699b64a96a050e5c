"""Parts of the documentation that the program prints: `python docs/render.py [--check]`.

Each part stands between `<!-- name -->` and `<!-- /name -->`; the text around it is written by hand.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pipeline import errors, layout, topology
from pipeline.errors import StepwellError

ROOT: Final = Path(__file__).resolve().parents[1]
DECISIONS: Final = ROOT / "docs" / "adr"


def diagram() -> str:
    """The cascade, drawn from its table."""
    return f"```mermaid\n{topology.mermaid()}\n```"


def error_table() -> str:
    """Every code that a caller can meet."""
    rows = [f"| `{kind.code}` | {_group(kind)} | {kind.http_status} | {_first_line(kind)} |" for kind in _leaves()]
    root = errors.StepwellError
    defect = "A defect of Stepwell: report it with what the log of the worker or the door says."
    rows.append(f"| `{root.code}` | failed | {root.http_status} | {defect} |")
    return "\n".join(["| code | kind | HTTP | means |", "|---|---|---|---|", *rows])


_GROUPS: Final = ("refused", "failed, may pass", "failed", "set-up")


def _leaves() -> list[type[StepwellError]]:
    """Those that are raised, group by group, and in a group by their codes."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, StepwellError)]
    bases = {
        errors.StepwellError,
        errors.Refusal,
        errors.Failure,
        errors.Transient,
        errors.Permanent,
        errors.SetupError,
        errors.Postponed,  # which no caller meets
    }
    return sorted(set(kinds) - bases, key=lambda kind: (_GROUPS.index(_group(kind)), kind.code))


def _group(kind: type[StepwellError]) -> str:
    if issubclass(kind, errors.Refusal):
        return "refused"
    if issubclass(kind, errors.SetupError):
        return "set-up"
    return "failed, may pass" if issubclass(kind, errors.Transient) else "failed"


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def stream_table() -> str:
    """What is durable."""
    rows = [f"| {spec.name} | `{'`, `'.join(spec.subjects)}` | {_keeping(spec)} |" for spec in layout.STREAMS]
    return "\n".join(["| stream | subjects | kept |", "|---|---|---|", *rows])


def _keeping(spec: layout.StreamSpec) -> str:
    if spec.retention == "work":
        return "until acknowledged"
    days = spec.max_age_s / 86_400
    kept = f"{days:g} {'day' if days == 1 else 'days'}" if days else "for ever"
    return f"{kept}, neither deleted nor purged" if spec.sealed else kept


def decisions() -> str:
    """The index of decisions, from the head of each."""
    rows = [_decision(path) for path in sorted(DECISIONS.glob("[0-9]*.md"))]
    return "\n".join(["| | decision | status | date |", "|---|---|---|---|", *rows])


def _decision(path: Path) -> str:
    text = path.read_text()
    head = re.match(r"# (\d{4})\. (.+)\n\nStatus: (\S+)\nDate: (\d{4}-\d{2}-\d{2})\nKept by: (\S+)\n", text)
    if head is None or not path.name.startswith(head[1]):
        raise ValueError(f"{path.name}: the head must be title, Status, Date and Kept by, in this order")
    return f"| {head[1]} | [{head[2]}]({path.name}) | {head[3]} | {head[4]} |"


PARTS: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "README.md": {"diagram": diagram, "errors": error_table},
    "docs/ARCHITECTURE.md": {"diagram": diagram, "streams": stream_table},
    "docs/adr/README.md": {"index": decisions},
}


def render(name: str) -> str:
    """The text of the file `name` with its parts printed anew."""
    text = (ROOT / name).read_text()
    for part, make in PARTS[name].items():
        text = _replaced(text, part, make(), name)
    return text


def _replaced(text: str, part: str, body: str, name: str) -> str:
    before, found, rest = text.partition(f"<!-- {part} -->\n")
    _, ended, after = rest.partition(f"<!-- /{part} -->")
    if not (found and ended):
        raise ValueError(f"{name}: the part {part} has no place there: write <!-- {part} --> and <!-- /{part} -->")
    return f"{before}{found}{body}\n{ended}{after}"


def main() -> int:
    """Write what differs; with `--check`, only name it."""
    stale = [name for name in PARTS if render(name) != (ROOT / name).read_text()]
    for name in stale:
        if "--check" in sys.argv[1:]:
            sys.stderr.write(
                f"{name}: differs from what the program prints: run `make schemas` and commit the result\n"
            )
        else:
            (ROOT / name).write_text(render(name))
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
