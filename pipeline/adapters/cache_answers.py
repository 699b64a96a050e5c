"""The store of answers in Valkey or Redis: one round trip to ask, one to keep; erasing deletes.

What is there, under `stepwell:answer:`:

- `<key>`: a sealed answer. `near:<key>`: a sealed question, for comparing.
- `air:<key>`: who is making the answer (a lease), or `-`: whoever tried made none.
- `in:<group>`: a sorted set of the keys of a group by their expiry; what expired goes out when something comes in.
- `gone:<group>`: when the group was erased. What was asked for before is not kept any more.
- `list:<name>`: a sorted set of the newest keys of a list by the time they came, in microseconds of the server.
- `floor:<name>`: a hash with hits, wrong ones among them, and the similarity that was learned from these.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from pipeline.adapters.cache_valkey import PREFIX
from pipeline.adapters.money.calls import Argument, Script, ScriptCalls
from pipeline.ports import Asked, Kept

__all__ = ["LANDED", "MARK_S", "RISE", "SHARE", "WRONG", "ValkeyAnswers"]

LANDED: Final = "-"
"""In place of a leader: there will be no answer."""
MARK_S: Final = 25 * 3600
"""How long it is known that a group was erased: longer than any request lives."""
WRONG: Final = 3
"""Wrong hits before anything is learned from them."""
SHARE: Final = 0.01
"""The share of hits that may be wrong."""
RISE: Final = 0.01
"""How far the floor rises above a hit that was wrong."""
_LEARNED_S: Final = 30 * 86_400
_EVENT_S: Final = 86_400
_CHUNK: Final = 500

_ASK: Final = Script("""
local value = redis.call('GET', KEYS[1])
if value then return {value} end
local leader = redis.call('GET', KEYS[2])
if not leader or leader == ARGV[1] then
  leader = ARGV[1]
  redis.call('SET', KEYS[2], leader, 'PX', ARGV[2])
end
return {false, leader}
""")
_RENEW: Final = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
""")
_LAND: Final = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2]) end
return 0
""")
_KEEP: Final = Script("""
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local ttl, groups = tonumber(ARGV[2]), tonumber(ARGV[4])
local function stays(key)
  local left = redis.call('PTTL', key)
  if left < ttl then redis.call('PEXPIRE', key, ttl) end
end
for i = 1, groups do
  local erased = redis.call('GET', KEYS[3 + groups + i])
  if erased and tonumber(erased) >= tonumber(ARGV[3]) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ttl)
redis.call('DEL', KEYS[2])
for i = 1, groups do
  local group = KEYS[3 + i]
  redis.call('ZREMRANGEBYSCORE', group, '-inf', now_ms)
  redis.call('ZADD', group, now_ms + ttl, KEYS[1])
  stays(group)
end
local most = tonumber(ARGV[5])
if most > 0 then
  redis.call('ZADD', KEYS[3], now[1] * 1000000 + now[2], KEYS[1])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -most - 1)
  stays(KEYS[3])
end
return 1
""")
_WRONG: Final = Script("""
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[2]) then return false end
local wrong = redis.call('HINCRBY', KEYS[1], 'wrong', 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
local hits = tonumber(redis.call('HGET', KEYS[1], 'hits') or '0')
if wrong < tonumber(ARGV[4]) or wrong <= hits * tonumber(ARGV[5]) then return false end
local floor = tonumber(redis.call('HGET', KEYS[1], 'floor') or '0')
local raised = math.max(floor, math.min(1, tonumber(ARGV[1]) + tonumber(ARGV[6])))
redis.call('HSET', KEYS[1], 'floor', tostring(raised), 'hits', '0', 'wrong', '0')
return tostring(raised)
""")


class ValkeyAnswers:
    """`AnswerStore` in one Valkey. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        """Prepare; the first call connects. `url` is a `redis://` or `rediss://` address with a database number."""
        # Who asks rests by himself, and knows why.
        self._calls = ScriptCalls(url, None, rest_s=0.0, whose="the cache")

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        value: bytes | None = await self._calls.command("GET", PREFIX + key)
        return value

    async def ask(self, key: str, lease: str, who: str, lease_s: float) -> Asked:
        """The value, or who is to make it."""
        keys = [PREFIX + key, f"{PREFIX}air:{lease}"]
        answer = await self._calls.run(_ASK, keys, [who, _ms(lease_s)])
        if answer[0] is not None:
            return Asked(answer[0])
        return Asked(None, answer[1].decode("utf-8", "replace"))

    async def renew(self, lease: str, who: str, lease_s: float) -> bool:
        """Let a lease last longer."""
        return bool(await self._calls.run(_RENEW, [f"{PREFIX}air:{lease}"], [who, _ms(lease_s)]))

    async def land(self, lease: str, who: str, rest_s: float) -> None:
        """End a lease without a value."""
        await self._calls.run(_LAND, [f"{PREFIX}air:{lease}"], [who, _ms(rest_s), LANDED])

    async def keep(self, kept: Kept) -> bool:
        """Keep a value in its groups, unless one of them was erased since."""
        keys = [PREFIX + kept.key, f"{PREFIX}air:{kept.lease or '-'}", f"{PREFIX}list:{kept.list_name or '-'}"]
        keys += [f"{PREFIX}in:{group}" for group in kept.groups] + [f"{PREFIX}gone:{group}" for group in kept.groups]
        asked_ms = round(kept.asked_at * 1000)
        arguments: list[Argument] = [
            kept.value,
            _ms(kept.ttl_s),
            asked_ms,
            len(kept.groups),
            kept.list_most if kept.list_name else 0,
        ]
        return bool(await self._calls.run(_KEEP, keys, arguments))

    async def many(self, keys: list[str]) -> list[bytes | None]:
        """The values of several keys."""
        if not keys:
            return []
        values: list[bytes | None] = await self._calls.command("MGET", *(PREFIX + key for key in keys))
        return values

    async def newer(self, list_name: str, after: int) -> list[tuple[str, int]]:
        """What was added to a list after a place."""
        found = await self._calls.command("ZRANGE", f"{PREFIX}list:{list_name}", f"({after}", "+inf", *_BY_SCORE)
        # Pairs in the newer protocol, one after the other in the older one.
        pairs = found if found and isinstance(found[0], list) else zip(found[::2], found[1::2], strict=True)
        return [(name.decode().removeprefix(PREFIX), int(float(place))) for name, place in pairs]

    async def erase(self, group: str, at: float) -> int:
        """Delete every value of a group. It is marked first, so that nothing older comes in meanwhile."""
        name = f"{PREFIX}in:{group}"
        await self._calls.command("SET", f"{PREFIX}gone:{group}", round(at * 1000), "EX", MARK_S)
        erased = 0
        while keys := await self._calls.command("ZRANGE", name, 0, _CHUNK - 1):
            erased += await self._calls.command("UNLINK", *keys)
            await self._calls.command("ZREM", name, *keys)
        return erased

    async def count(self, group: str) -> int:
        """How many values are in a group."""
        now_ms = round(time.time() * 1000)  # only sharpens a figure that is shown: expiry is the server's
        return int(await self._calls.command("ZCOUNT", f"{PREFIX}in:{group}", now_ms, "+inf"))

    async def size(self) -> tuple[int, int]:
        """How many answers and questions there are, by going through all keys."""
        answers = questions = cursor = 0
        while True:
            cursor, keys = await self._calls.command("SCAN", cursor, "MATCH", PREFIX + "*", "COUNT", 1000)
            cursor = int(cursor)
            names = [key.decode().removeprefix(PREFIX) for key in keys]
            answers += sum(":" not in name for name in names)
            questions += sum(name.startswith("near:") for name in names)
            if cursor == 0:
                return answers, questions
            await asyncio.sleep(0)

    async def floor(self, name: str) -> float | None:
        """The similarity that was learned under a name."""
        found = await self._calls.command("HGET", f"{PREFIX}floor:{name}", "floor")
        return _number(found)

    async def served(self, name: str) -> None:
        """Count a hit by likeness."""
        key = f"{PREFIX}floor:{name}"
        await asyncio.gather(
            self._calls.command("HINCRBY", key, "hits", 1), self._calls.command("EXPIRE", key, _LEARNED_S)
        )

    async def wrong(self, name: str, event: str, similarity: float) -> float | None:
        """Count a wrong hit by likeness, and raise the floor where there are too many."""
        keys = [f"{PREFIX}floor:{name}", f"{PREFIX}event:{event}"]
        rules = [similarity, _EVENT_S, _LEARNED_S, WRONG, SHARE, RISE]
        return _number(await self._calls.run(_WRONG, keys, rules))

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        await self._calls.close()


_BY_SCORE: Final[Sequence[str]] = ("BYSCORE", "WITHSCORES")


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _number(found: Any) -> float | None:
    return None if found is None else float(found)
