"""Who may say what on NATS: one user for each stage, with the least that works, derived from the topology.

`make schemas` writes `deploy/nats/users.conf`; `python -m pipeline.permissions --check` and a test fail on any
difference. A denied request shows at the client only as a time-out, and as a text beside it.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.contracts import StageName, is_name
from pipeline.layout import BUCKETS, OBJECT_BUCKETS, STEPS, STREAMS
from pipeline.topology import (
    FIRST,
    LANES,
    LAST,
    ROWS,
    STAGES,
    TENANT_INBOX,
    TRANSITIONS,
    VERBS,
    WAITING,
    audit_subject,
    cancel_subject,
    consumer_name,
    dead_subject,
    journal_subject,
    later_subject,
    leader_subject,
    ledger_page_subject,
    ledger_subject,
    outcome_subject,
    request_subject,
    result_subject,
    row_subject,
    shelf_subject,
    step_subject,
)

__all__ = [
    "CALLERS",
    "FILE",
    "USERS",
    "Permissions",
    "password_variable",
    "permissions",
    "render_nats_conf",
    "tenant",
    "user_of",
]

FILE: Final = Path("deploy/nats/users.conf")
CALLERS: Final = ("door", "cli", "tenant")
"""Who asks: the stages that answer may write to their inboxes. Those of tenants begin with `_INBOX_tenant.<tenant>`."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that a user may publish to and subscribe to. Everything else is denied."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()

    def __or__(self, other: "Permissions") -> "Permissions":
        """What either of the two may."""
        return Permissions(
            tuple(dict.fromkeys(self.publish + other.publish)), tuple(dict.fromkeys(self.subscribe + other.subscribe))
        )


def permissions(stage: StageName) -> Permissions:
    """What a worker that runs `stage` alone needs: its work, its outputs, the policies, and to hear of cancellations.

    A stage that may let requests wait names the queue that they come back to; NATS holds it to none within STEPS.
    """
    heard = Permissions(subscribe=(cancel_subject("*.*"),)) | _watched("policy") | _objects("bodies")
    return _work(stage) | heard | _EXTRA.get(stage, Permissions())


def _work(stage: StageName) -> Permissions:
    """Fetch and acknowledge its own work; hand over to the stages that may follow; put aside what cannot be handled."""
    own = [consumer_name(lane, stage, row) for lane in LANES for row in range(1 + ROWS[lane])]
    following = dict.fromkeys(target for (source, _), target in TRANSITIONS.items() if source == stage)
    return Permissions(
        (
            *(f"$JS.API.CONSUMER.MSG.NEXT.{STEPS}.{name}" for name in own),
            *(f"$JS.ACK.{STEPS}.{name}.>" for name in own),
            *_queues(*following),
            dead_subject(stage),
            *(later_subject(lane, stage, ">") for lane in LANES if stage in WAITING),
        )
    )


def _queues(*stages: StageName) -> tuple[str, ...]:
    """Hand work to these stages."""
    subjects = [(step_subject(lane, stage), row_subject(lane, stage, "*", "*")) for lane in LANES for stage in stages]
    return tuple(subject for both in subjects for subject in both)


# ---------------------------------------------------------------- what some need besides


def _answer() -> Permissions:
    return Permissions(tuple(f"_INBOX_{caller}.>" for caller in CALLERS))


def _read(stream: str) -> Permissions:
    return Permissions((f"$JS.API.DIRECT.GET.{stream}",))


def _bucket(name: str) -> Permissions:
    """Read single keys."""
    return Permissions((f"$JS.API.STREAM.INFO.KV_{name}", f"$JS.API.DIRECT.GET.KV_{name}.>"))


def _watched(name: str) -> Permissions:
    """Read all keys and their changes, through a consumer of its own."""
    consumer = [f"$JS.API.CONSUMER.{verb}.KV_{name}.>" for verb in ("CREATE", "INFO", "DELETE")]
    return _bucket(name) | Permissions((f"$JS.API.CONSUMER.CREATE.KV_{name}", *consumer, f"$JS.FC.KV_{name}.>"))


def _written(name: str) -> Permissions:
    return _bucket(name) | Permissions((f"$KV.{name}.>",))


def _objects_read(name: str) -> Permissions:
    return _read(f"OBJ_{name}")


def _objects(name: str) -> Permissions:
    """Put bodies aside that are too large for a message, and fetch them. Names follow from contents."""
    return _objects_read(name) | Permissions((f"$O.{name}.>",))


def _files() -> Permissions:
    """Files of batches are written, read and deleted."""
    return _objects("files") | Permissions(("$JS.API.STREAM.PURGE.OBJ_files",))


def _batches() -> Permissions:
    """What batches are is read and written, and so are their lines and results. What still runs is asked for."""
    return _watched("batches") | _written("batches") | _files()


def _kept() -> Permissions:
    """Replies to lines of batches are read where they were settled, one by one."""
    return _bucket("batches") | _objects_read("files")


def _feeding() -> Permissions:
    """Lines of batches are handed in, looked for in the queues, and taken back; what settled ones left is removed."""
    handed = Permissions(
        (request_subject("enqueue", "*"), cancel_subject("*.*"), leader_subject("*")), (leader_subject("*"),)
    )
    swept = Permissions(("$JS.API.STREAM.PURGE.RESULTS", "$JS.API.STREAM.PURGE.JOURNAL"))
    return _batches() | _read(STEPS) | handed | swept | _folding()


def _folding() -> Permissions:
    """Settled lines of the ledger are put into pages, and then removed where they stood by themselves."""
    return _read("LEDGER") | Permissions((ledger_page_subject("*", "*", "*"), "$JS.API.STREAM.PURGE.LEDGER"))


def _asking() -> Permissions:
    """Model calls: written down once, and charged."""
    return _read("JOURNAL") | Permissions((journal_subject("*.*", "*"),)) | _charging()


def _paying() -> Permissions:
    """Model calls whose answers are streamed to the caller, or come by a provider's batch."""
    return _asking() | _answer() | _shelving()


def _shelving() -> Permissions:
    """Calls wait for a provider's batch; whoever gathers them wakes those of both stages that may wait."""
    woken = tuple(later_subject(LANES[-1], stage, ">") for stage in WAITING)
    shelf = Permissions((shelf_subject(">"), "$JS.API.STREAM.PURGE.SHELF", *woken))
    counted = Permissions((f"$JS.API.STREAM.INFO.{STEPS}",))  # which requests still wait, by their subjects
    return _read("SHELF") | _read(STEPS) | counted | shelf


def _charging() -> Permissions:
    """Lines of the ledger are written and read, and so are the sums that counters are rebuilt from."""
    return _read("LEDGER") | Permissions((ledger_subject("*.*.*", "*"),)) | _written("budgets")


def _admission() -> Permissions:
    """Requests come in, are made durable for the first stage, and are answered when they are known already."""
    return (
        _read("RESULTS")
        | _answer()
        | Permissions(
            (
                *_queues(FIRST),
                outcome_subject("*", "*"),
                *(f"_INBOX_{feeder}.>" for feeder in (FIRST, "fused")),  # who feeds batches asks as callers do
                f"$JS.API.STREAM.INFO.{STEPS}",  # how much is on its way
            ),
            (*(request_subject(verb, "*") for verb in VERBS), "$SRV.>", result_subject("*", "*")),
        )
    )


def _recording() -> Permissions:
    """Records and results are written, what was left open is charged, and the caller is answered."""
    return (
        _read("RESULTS")
        | _answer()
        | _charging()
        | Permissions((audit_subject("*", "decision"), result_subject("*", "*")))
    )


_EXTRA: Final[Mapping[StageName, Permissions]] = MappingProxyType(
    {
        FIRST: _admission() | _feeding(),
        "plan": _watched("weights") | _watched("calibration"),
        "recall": _asking(),
        "draft": _paying(),
        "escalate": _paying(),
        LAST: _recording(),
    }
)


# ---------------------------------------------------------------- users


def _fused() -> Permissions:
    """All stages in one process."""
    together = Permissions()
    for stage in STAGES:
        together |= permissions(stage)
    return together


def _allocate() -> Permissions:
    """Reads what was recorded and said of answers, and publishes what follows: weights, and who broke its promise."""
    reads = _read("OUTCOMES") | _read("RESULTS") | _read("AUDIT") | _kept()
    writes = _written("experiments") | _written("weights") | _written("calibration")
    return reads | writes | _watched("policy") | _objects_read("bodies")


def _door() -> Permissions:
    """Ask, for any tenant, ask whether workers are there, and know which models the policy offers and who may come in.

    Of keys it writes when they were used, and no key.
    """
    asks = tuple(request_subject(verb, "*") for verb in VERBS)
    probes = Permissions((*asks, cancel_subject("*.*"), "$SRV.PING.stepwell", "$KV.keys.used.*"))
    return probes | _watched("policy") | _objects("bodies") | _batches() | _watched("keys")


def _cli() -> Permissions:
    """An operator: asks, reads everything, changes policies, retries and drops dead letters. Makes no stream.

    Records are not his to write, but the one that he asked what a pseudonym stands for.
    """
    reads = Permissions(tuple(f"$JS.API.DIRECT.GET.{stream.name}" for stream in STREAMS))
    work = Permissions(tuple(step_subject(lane, stage) for lane in LANES for stage in STAGES))
    dead = Permissions(("$JS.API.STREAM.MSG.DELETE.DEAD",))
    looks = Permissions(("$SRV.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.*", f"$JS.API.CONSUMER.INFO.{STEPS}.*"))
    seen = _watched("weights") | _watched("experiments") | _watched("budgets")
    seen |= _watched("calibration") | _written("calibration") | _watched("keys") | _written("keys")
    buckets = seen | _watched("batches") | _written("batches") | _watched("policy") | _written("policy")
    own = Permissions((outcome_subject("*", "*"), audit_subject("*", "reveal")))
    return _door() | reads | work | dead | looks | buckets | own


def _provisioner() -> Permissions:
    """Makes streams, consumers and buckets. Deletes, purges and reads none."""
    names = [stream.name for stream in STREAMS] + [f"KV_{bucket.name}" for bucket in BUCKETS]
    names += [f"OBJ_{bucket.name}" for bucket in OBJECT_BUCKETS]
    streams = [f"$JS.API.STREAM.{verb}.{name}" for name in names for verb in ("INFO", "CREATE", "UPDATE")]
    consumers = [f"$JS.API.CONSUMER.{verb}.{STEPS}.>" for verb in ("INFO", "CREATE", "DURABLE.CREATE")]
    return Permissions(("$JS.API.INFO", *streams, *consumers))


def _auditor() -> Permissions:
    """Reads records and results, and writes nothing."""
    looks = Permissions(("$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.INFO.RESULTS"))
    return _read("AUDIT") | _read("RESULTS") | _objects_read("bodies") | _kept() | _watched("batches") | looks


def tenant(name: str) -> Permissions:
    """What a service of one tenant needs that speaks NATS itself: ask, and take back.

    It can neither ask for another tenant nor read what any bucket or stream holds; results come through `result`. Nor
    may it leave bodies in the bucket of large ones: NATS cannot keep one tenant's objects from another who may write
    there. Requests larger than a message come over HTTP.
    """
    asks = tuple(request_subject(verb, name) for verb in VERBS)
    return Permissions((*asks, cancel_subject(f"{name}.*")), (f"{TENANT_INBOX}{name}.>",))


def _own_inbox(user: str, granted: Permissions) -> Permissions:
    return granted | Permissions(subscribe=(f"_INBOX_{user}.>",))


_MAKERS: Final[Mapping[str, Callable[[], Permissions]]] = {
    "allocate": _allocate,
    "fused": _fused,
    "door": _door,
    "cli": _cli,
    "provisioner": _provisioner,
    "auditor": _auditor,
}

USERS: Final[Mapping[str, Permissions]] = MappingProxyType(
    {stage: _own_inbox(stage, permissions(stage)) for stage in STAGES}
    | {user: _own_inbox(user, make()) for user, make in _MAKERS.items()}
)
"""Every user and what it may, its own inbox included. Clients use the inbox prefix `_INBOX_<user>`."""


def password_variable(user: str) -> str:
    """The environment variable of nats-server that holds the password of `user`."""
    return f"STEPWELL_NATS_PASSWORD_{user.upper()}"


# ---------------------------------------------------------------- the file

_HEAD: Final = """\
# Rendered by `make schemas` from pipeline/permissions.py. Do not edit.
# Passwords come from the environment of nats-server. Begin each with a letter: digits alone are read as a number.
"""


def render_nats_conf() -> str:
    """The file of users that nats-server includes."""
    users = "".join(user_of(name, granted) for name, granted in USERS.items())
    return f"{_HEAD}authorization {{\n  timeout: 2\n  users: [\n{users}  ]\n}}\n"


def user_of(name: str, granted: Permissions) -> str:
    """One user as nats-server reads it."""
    return (
        f"    {{\n      user: {name}\n      password: ${password_variable(name)}\n      permissions: {{\n"
        f"        publish: {{ allow: [{_subjects(granted.publish)}] }}\n"
        f"        subscribe: {{ allow: [{_subjects(granted.subscribe)}] }}\n      }}\n    }}\n"
    )


def _subjects(subjects: Iterable[str]) -> str:
    lines = "".join(f'\n          "{subject}"' for subject in subjects)
    return f"{lines}\n        " if lines else ""


def main() -> int:
    """Write the file; with `--check`, only say whether it differs; with `--tenant NAME`, print a user for a tenant."""
    if "--tenant" in sys.argv[1:]:
        name = sys.argv[-1]
        if not is_name(name):
            sys.stderr.write("--tenant: 1 to 64 letters, digits, - or _\n")
            return 1
        sys.stdout.write(user_of(f"tenant_{name.replace('-', '_')}", tenant(name)))
        return 0
    path = Path(__file__).resolve().parents[1] / FILE
    rendered = render_nats_conf()
    if path.is_file() and path.read_text() == rendered:
        return 0
    if "--check" in sys.argv[1:]:
        sys.stderr.write(f"{FILE}: differs from what the code renders: run `make schemas` and commit the result\n")
        return 1
    path.write_text(rendered)
    return 0


if __name__ == "__main__":
    sys.exit(main())
