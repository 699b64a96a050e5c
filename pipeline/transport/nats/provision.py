"""Streams, consumers and buckets on a server: what is there, what should be, and only changes that destroy nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from nats.aio.client import ServerVersion
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BucketNotFoundError, NotFoundError

from pipeline.errors import ProvisionRefused
from pipeline.layout import BUCKETS, OBJECT_BUCKETS, STEPS, STREAMS, BucketSpec, ConsumerSpec, ObjectSpec, StreamSpec
from pipeline.transport.nats.link import NatsLink

__all__ = ["Change", "apply", "check_server", "compare"]

Action = Literal["create", "update", "keep", "refuse"]
_STREAM_FIELDS: Final = (
    "subjects",
    "retention",
    "max_age",
    "max_msgs_per_subject",
    "duplicate_window",
    "deny_delete",
    "deny_purge",
    "num_replicas",
    "discard",
    "allow_direct",
    "allow_msg_schedules",
)
_LIMITS: Final = ("max_msgs", "max_bytes")
"""What would make a stream drop messages by itself."""
_OLDEST_SERVER: Final = (2, 12)
"""An older one stores what should be kept for later and never hands it out."""
_CONSUMER_FIELDS: Final = (
    "ack_policy",
    "ack_wait",
    "max_ack_pending",
    "max_deliver",
    "filter_subject",
    "filter_subjects",
)


@dataclass(frozen=True, slots=True)
class Change:
    """What provisioning would do about one thing. `refuse`: it would destroy data or weaken a guarantee."""

    kind: Literal["stream", "consumer", "bucket", "objects"]
    name: str
    action: Action
    details: tuple[str, ...] = ()


def _stream_config(spec: StreamSpec, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=RetentionPolicy.WORK_QUEUE if spec.retention == "work" else RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=spec.max_age_s,
        max_msgs_per_subject=spec.per_subject or -1,
        duplicate_window=spec.window_s,
        deny_delete=spec.sealed,
        deny_purge=spec.sealed,
        num_replicas=replicas,
        discard=DiscardPolicy.NEW if _refuses_when_full(spec) else DiscardPolicy.OLD,
        allow_direct=True,
        allow_msg_schedules=spec.schedules or None,
    )


def _refuses_when_full(spec: StreamSpec) -> bool:
    return (spec.retention == "work" or spec.sealed) and not spec.schedules


def _consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    """The server wants one subject in one field, and several in another."""
    one, *more = spec.subjects
    return ConsumerConfig(
        durable_name=spec.name,
        filter_subject=None if more else one,
        filter_subjects=list(spec.subjects) if more else None,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait_s,
        deliver_policy=DeliverPolicy.ALL,
        max_ack_pending=spec.max_pending,
        max_deliver=-1,
    )


def _differences(present: object, wanted: object, fields: Iterable[str]) -> tuple[str, ...]:
    found = []
    for name in fields:
        old, new = getattr(present, name), getattr(wanted, name)
        if (old or None) != (new or None) and not (name.startswith("max_") and {old, new} <= {-1, 0, None}):
            found.append(f"{name}: {_plain(old)} -> {_plain(new)}")
    return tuple(found)


def _plain(value: object) -> str:
    return str(getattr(value, "value", value))


def _forbidden(present: StreamConfig, wanted: StreamConfig) -> tuple[str, ...]:
    """What an update of a stream must not do."""
    problems = []
    if present.retention != wanted.retention:
        problems.append("another retention would drop or keep messages against their promise")
    if present.storage != wanted.storage:
        problems.append("the storage cannot be changed without losing what is stored")
    if present.max_age and wanted.max_age and wanted.max_age < present.max_age:
        problems.append("a shorter age would delete messages")
    if set(present.subjects or ()) - set(wanted.subjects or ()):
        problems.append("subjects would be dropped")
    if present.deny_delete and not wanted.deny_delete:
        problems.append("deletion would become possible")
    if (present.num_replicas or 1) > (wanted.num_replicas or 1):
        problems.append("there would be fewer replicas")
    return tuple(problems)


async def _compare_stream(link: NatsLink, spec: StreamSpec, replicas: int) -> Change:
    wanted = _stream_config(spec, replicas)
    try:
        present = (await link.jetstream.stream_info(spec.name)).config
    except NotFoundError:
        return Change("stream", spec.name, "create", spec.subjects)
    problems = _forbidden(present, wanted)
    if problems:
        return Change("stream", spec.name, "refuse", problems)
    fields = (*_STREAM_FIELDS, *_LIMITS) if spec.retention == "work" else _STREAM_FIELDS
    details = _differences(present, wanted, fields)
    return Change("stream", spec.name, "update" if details else "keep", details)


async def _compare_consumer(link: NatsLink, spec: ConsumerSpec) -> Change:
    try:
        present = (await link.jetstream.consumer_info(STEPS, spec.name)).config
    except NotFoundError:
        return Change("consumer", spec.name, "create", spec.subjects)
    details = _differences(present, _consumer_config(spec), _CONSUMER_FIELDS)
    return Change("consumer", spec.name, "update" if details else "keep", details)


async def _compare_bucket(link: NatsLink, spec: BucketSpec) -> Change:
    try:
        await link.jetstream.key_value(spec.name)
    except (BucketNotFoundError, NotFoundError):
        return Change("bucket", spec.name, "create")
    return Change("bucket", spec.name, "keep")


async def _compare_objects(link: NatsLink, spec: ObjectSpec) -> Change:
    try:
        await link.jetstream.object_store(spec.name)
    except (BucketNotFoundError, NotFoundError):
        return Change("objects", spec.name, "create")
    return Change("objects", spec.name, "keep")


async def compare(link: NatsLink, consumers: Sequence[ConsumerSpec], *, replicas: int = 1) -> tuple[Change, ...]:
    """What there is against what there should be."""
    changes = [await _compare_stream(link, spec, replicas) for spec in STREAMS]
    changes += [await _compare_consumer(link, spec) for spec in consumers]
    changes += [await _compare_bucket(link, spec) for spec in BUCKETS]
    changes += [await _compare_objects(link, spec) for spec in OBJECT_BUCKETS]
    return tuple(changes)


async def apply(
    link: NatsLink, changes: Sequence[Change], consumers: Sequence[ConsumerSpec], *, replicas: int = 1
) -> None:
    """Make the changes.

    Raises:
        ProvisionRefused: one of them would destroy something, or the server is too old; then none is made.
    """
    check_server(link.client.connected_server_version)
    refused = [change for change in changes if change.action == "refuse"]
    if refused:
        reasons = "; ".join(f"{change.kind} {change.name}: {', '.join(change.details)}" for change in refused)
        raise ProvisionRefused(f"nothing was changed, because {reasons}")
    streams = {spec.name: spec for spec in STREAMS}
    by_name = {spec.name: spec for spec in consumers}
    buckets = {spec.name: spec for spec in BUCKETS}
    objects = {spec.name: spec for spec in OBJECT_BUCKETS}
    for change in changes:
        if change.action == "keep":
            continue
        if change.kind == "stream":
            await _apply_stream(link, change, _stream_config(streams[change.name], replicas))
        elif change.kind == "consumer":
            await link.jetstream.add_consumer(STEPS, _consumer_config(by_name[change.name]))
        elif change.kind == "bucket":
            spec = buckets[change.name]
            await link.jetstream.create_key_value(
                KeyValueConfig(bucket=spec.name, history=spec.history, replicas=replicas, direct=True)
            )
        else:
            await _make_objects(link, objects[change.name], replicas)


async def _make_objects(link: NatsLink, spec: ObjectSpec, replicas: int) -> None:
    config = ObjectStoreConfig(ttl=spec.max_age_s or None, replicas=replicas)
    await link.jetstream.create_object_store(spec.name, config=config)


def check_server(version: ServerVersion) -> None:
    """Let pass a server that can keep messages for later.

    Raises:
        ProvisionRefused: it is too old.
    """
    if (version.major, version.minor) < _OLDEST_SERVER:
        oldest = ".".join(str(number) for number in _OLDEST_SERVER)
        raise ProvisionRefused(f"nothing was changed: {version!r} is too old, take {oldest} or a newer one")


async def _apply_stream(link: NatsLink, change: Change, config: StreamConfig) -> None:
    if change.action == "create":
        await link.jetstream.add_stream(config)
    else:
        await link.jetstream.update_stream(config)
