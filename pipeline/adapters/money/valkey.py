"""Counters of budgets in Valkey or Redis, in scripts that take from all counters of an attempt or from none."""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from redis.exceptions import RedisError

from pipeline.adapters.money import scripts
from pipeline.adapters.money.calls import Argument, Script, ScriptCalls
from pipeline.adapters.money.counters import Amount, Bucket, Claim, Held, Image, Lost, Slot, Spent, Total
from pipeline.adapters.money.pacing import ETA, MEMORY, PULL, Pace
from pipeline.adapters.money.windows import Frame

__all__ = ["PREFIX", "ValkeyCounters"]

PREFIX: Final = "stepwell:{ledger}:"
"""What our keys begin with; in a cluster the braces keep them together."""
LATE_S: Final = 3_600
"""Seconds for which the counters of a window that ended are kept, for what is settled late."""
LOCK_S: Final = 30
"""Seconds after which somebody else may count again, where the one who does it is gone."""
IDLE_S: Final = 30 * 86_400
"""Seconds after which a bucket that nobody used is full again."""
HELD_S: Final = 2 * 86_400
"""Seconds for which a holding found in the stream is kept: as long as a request may be delivered again."""
CHUNK: Final = 200
_PACED: Final = ("lately", "price", "shut")

_HOLD, _SETTLE, _RELEASE, _READ = map(Script, (scripts.HOLD, scripts.SETTLE, scripts.RELEASE, scripts.READ))
_ASKED, _TAKE, _GREET = map(Script, (scripts.ASKED, scripts.TAKE, scripts.GREET))
_FORGET, _INSTALL, _HOLDS = map(Script, (scripts.FORGET, scripts.INSTALL, scripts.HOLDS))
_UNLOCK: Final = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0")


class ValkeyCounters:
    """`Counters` in one Valkey. Belongs to one event loop.

    Every new connection first compares the run of the server with the one on which the counters were made. So a server
    that was started again with older data, or another one that took over, is never believed.
    """

    def __init__(self, url: str) -> None:
        """Prepare; the first call connects. `url` is a `redis://` or `rediss://` address with a database number."""
        self._calls = ScriptCalls(url, self._greet)
        self._id = ""
        self._run = ""
        self._token = secrets.token_hex(8)
        self._marker = PREFIX + "marker"

    # ------------------------------------------------------------ budgets

    async def hold(self, attempt: str, request: str, amount: Amount, claims: Sequence[Claim], *, keep_s: float) -> Held:
        """Take from all counters or from none; see the port."""
        keys = [self._marker, self._key("a", attempt), self._key("q", request)]
        keys += [self._window(claim.slot.frame) for claim in claims]
        arguments: list[Argument] = [self._id, amount.nano, amount.tokens, round(keep_s)]
        for claim in claims:
            arguments += [*_place(claim.slot), *map(_limit, claim[1:4]), int(claim.free)]
        answer = await self._calls.run(_HOLD, keys, arguments)
        if answer[0] == -1:
            raise Lost
        if answer[0] == 1:
            return Held(opens=tuple(map(int, _text(answer[1]).split())), again=True)
        waits = tuple(answer[4]) if len(answer) > 4 else ()
        return Held(tuple(answer[1]), tuple(answer[2]), tuple(_totals(answer[3])), waits=waits)

    async def settle(self, attempt: str, spent: Spent, slots: Sequence[Slot], line: int, *, keep_s: float) -> None:
        """Put what was spent in place of what was held; see the port."""
        keys = [self._marker, self._key("a", attempt), *(self._window(slot.frame) for slot in slots)]
        arguments: list[Argument] = [self._id, *map(_limit, spent), line, round(keep_s)]
        for slot in slots:
            arguments += _place(slot)
        _believed(await self._calls.run(_SETTLE, keys, arguments))

    async def release(self, attempt: str) -> None:
        """Give back what was held."""
        _believed(await self._calls.run(_RELEASE, [self._marker, self._key("a", attempt)], [self._id]))

    async def holds(self, attempt: str) -> bool:
        """Whether something is held for the attempt."""
        answer = await self._calls.run(_HOLDS, [self._marker, self._key("a", attempt)], [self._id])
        _believed(answer)
        return bool(answer)

    async def read(self, slots: Sequence[Slot]) -> tuple[Total, ...]:
        """What the counters stand at."""
        keys = [self._marker, *(self._window(slot.frame) for slot in slots)]
        arguments = [part for slot in slots for part in (slot.field, slot.frame.name)]
        answer = await self._calls.run(_READ, keys, [self._id, *arguments])
        _believed(answer[0])
        return tuple(_totals(answer[1:]))

    # ------------------------------------------------------------ caps

    async def asked(self, request: str, buckets: Sequence[Bucket], *, keep_s: float) -> None:
        """Let the request add its share to the buckets."""
        keys = [f"{PREFIX}asked:{request}", *_cap_keys(buckets)]
        filling = [part for bucket in buckets for part in (round(bucket.share * 1e6), *_held(bucket))]
        await self._calls.run(_ASKED, keys, [round(keep_s), IDLE_S, ETA, MEMORY, PULL, *filling])

    async def take(self, attempt: str, buckets: Sequence[Bucket], *, keep_s: float, urgency: float = 1.0) -> int | None:
        """Take one escalation out of all buckets."""
        keys = [f"{PREFIX}taken:{attempt}", *_cap_keys(buckets)]
        held = [part for bucket in buckets for part in _held(bucket)]
        shut = int(await self._calls.run(_TAKE, keys, [round(keep_s), IDLE_S, MEMORY, round(urgency, 9), *held]))
        return None if shut < 0 else shut

    async def paces(self, cap: str) -> dict[str, Pace]:
        """What the buckets of a cap stand at, by whose they are. For people who look; it goes through all keys."""
        found: dict[str, Pace] = {}
        cursor, begins = "0", f"{PREFIX}cap:{cap}|"
        while True:
            answer = await self._calls.command("SCAN", cursor, "MATCH", f"{begins}*", "COUNT", 1000)
            cursor = _text(answer[0])
            for name in map(_text, answer[1]):
                level = await self._calls.command("GET", name)
                was = await self._calls.command("HMGET", f"{PREFIX}pace:{name[len(PREFIX) + 4 :]}", *_PACED)
                if level is not None:
                    lately, price, shut = (float(_text(value)) if value is not None else 0.0 for value in was)
                    found[name[len(begins) :]] = Pace(float(_text(level)) / 1e6, lately, price, shut == 1.0)
            if cursor == "0":
                return found

    # ------------------------------------------------------------ trust

    async def adopt(self) -> bool:
        """Go on with the counters that are there."""
        found = await self._calls.command("HGET", self._marker, "id")
        self._id = _text(found) if found is not None else ""
        return found is not None

    async def forget(self, line: int) -> None:
        """Trust the counters no longer, unless they were counted again since."""
        await self._calls.run(_FORGET, [self._marker], [self._id, line])

    async def lock(self) -> bool:
        """Become the one who counts again; the lock lasts `LOCK_S` from each call on."""
        name = PREFIX + "lock"
        if await self._calls.command("SET", name, self._token, "NX", "EX", LOCK_S) is not None:
            return True
        owner = await self._calls.command("GET", name)
        if owner is None or _text(owner) != self._token:
            return False
        await self._calls.command("EXPIRE", name, LOCK_S)
        return True

    async def unlock(self) -> None:
        """Let others count again."""
        await self._calls.run(_UNLOCK, [PREFIX + "lock"], [self._token])

    async def install(self, image: Image) -> None:
        """Put counted values in force under a new id, so that whoever counted at the same time does not meddle."""
        run, made = self._run, secrets.token_hex(4)
        self._id = made
        frames = {slot.frame for slot in image.totals}
        await self._write(self._filled(image))
        for frame in frames:
            if frame.ends is not None:
                await self._calls.command("EXPIREAT", self._window(frame), frame.ends + LATE_S)
        begun = [part for frame in frames for part in (frame.name, _expires(frame))]
        await self._calls.run(_INSTALL, [self._marker], [made, run, image.upto, *begun])
        await self.adopt()

    def _filled(self, image: Image) -> Iterator[tuple[Argument, ...]]:
        for slot, total in image.totals.items():
            key, field = self._window(slot.frame), slot.field
            values = (f"{field}|u", total.nano, f"{field}|t", total.tokens, f"{field}|r", total.requests)
            yield ("HSET", key, *values)
        for holding in image.holdings:
            key, counted = self._key("a", holding.attempt), self._key("q", holding.request)
            parts: list[Argument] = ["s", "h", "u", holding.amount.nano, "t", holding.amount.tokens]
            parts += ["q", counted, "n", len(holding.slots)]
            for place, slot in enumerate(holding.slots, 1):
                window, field = self._window(slot.frame), slot.field
                parts += [f"k{place}", window, f"f{place}", field, f"w{place}", slot.frame.name]
                yield ("HINCRBY", window, f"{field}|x", holding.amount.nano)
                yield ("HINCRBY", window, f"{field}|y", holding.amount.tokens)
            yield ("HSET", key, *parts)
            yield ("EXPIRE", key, HELD_S)
        for request, slot in image.opened:
            counted = self._key("q", request)
            yield ("HINCRBY", counted, f"{slot.frame.name}|{slot.field}", 1)
            yield ("EXPIRE", counted, HELD_S)

    async def _write(self, commands: Iterator[tuple[Argument, ...]]) -> None:
        while chunk := tuple(islice(commands, CHUNK)):
            await self.lock()
            await asyncio.gather(*(self._calls.command(*command) for command in chunk))

    async def close(self) -> None:
        """Close the connection."""
        await self._calls.close()

    async def _greet(self, connection: Any) -> None:
        """Before anything goes over a new connection: does this server hold the counters that were made on it?"""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        self._run = _run_of(await connection.read_response())
        await connection.send_command("EVAL", _GREET.text, 1, self._marker, self._run)
        await connection.read_response()

    def _key(self, kind: str, name: str) -> str:
        return f"{PREFIX}{self._id}:{kind}:{name}"

    def _window(self, frame: Frame) -> str:
        return self._key("w", frame.name)


def _place(slot: Slot) -> tuple[Argument, ...]:
    return slot.field, slot.frame.name, _expires(slot.frame)


def _expires(frame: Frame) -> int:
    return 0 if frame.ends is None else frame.ends + LATE_S


def _limit(limit: int | None) -> Argument:
    return "" if limit is None else limit


def _believed(answer: Any) -> None:
    if answer == -1:
        raise Lost


def _totals(flat: Sequence[Any]) -> Iterator[Total]:
    numbers = [int(number) for number in flat]
    for start in range(0, len(numbers), 3):
        yield Total(*numbers[start : start + 3])


def _cap_keys(buckets: Sequence[Bucket]) -> Iterator[str]:
    for bucket in buckets:
        yield f"{PREFIX}cap:{bucket.name}"
        yield f"{PREFIX}pace:{bucket.name}"


def _held(bucket: Bucket) -> tuple[int, int, int]:
    """How many it holds, whether it is paced, and the share at which it opens again, for the scripts."""
    resume = -1 if bucket.resume is None else round(bucket.resume * 1e6)
    return bucket.burst * 1_000_000, int(bucket.paced), resume


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _run_of(told: Any) -> str:
    """The id of this run of the server, which changes with every start."""
    for line in _text(told).splitlines():
        if line.startswith("run_id:"):
            return line[7:].strip()
    raise RedisError("the server does not tell its run_id")
