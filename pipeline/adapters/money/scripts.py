"""The scripts that run inside Valkey, each of them at once and whole.

What is there, under `stepwell:{ledger}:` (one hash tag, so that a cluster keeps it in one place):

- `marker`: a hash. `id` names one counting (an epoch); `run` is the run of the server that it was made on; `upto` the
  last line of the stream in it; `w:<window>` that a window was begun, and when it may be gone.
- `<id>:w:<window>`: a hash of counters, `<budget>|<scope>|u` (billionths of a dollar), `|t` (tokens), `|r` (requests);
  `|x` and `|y` are the part of `|u` and `|t` that is set aside for attempts that run.
- `<id>:a:<attempt>`: what is set aside for an attempt, or that it is settled.
- `<id>:q:<request>`: in which counters the request is counted, and by how many attempts. Once one of them is settled
  it is kept briefly, unless a budget lets the request wait.
- `cap:<name>`: millionths of escalations in a bucket; `pace:<name>`: a hash, `lately`, `price` and `shut` as in
  `pacing.py`; `asked:<request>`, `taken:<attempt>`: what was done once.

Who brings another `id` than the marker's is told so (-1) and nothing happens. A window that was begun and is gone
before its time was evicted: then the marker goes too, and everything is counted again.
"""

from typing import Final

__all__ = ["ASKED", "FORGET", "GREET", "HOLD", "HOLDS", "INSTALL", "READ", "RELEASE", "SETTLE", "TAKE"]

_COMMON: Final = """
local function lost(marker, id)
  return redis.call('HGET', marker, 'id') ~= id
end
local function gone(marker, window, key)
  if redis.call('HEXISTS', marker, 'w:' .. window) == 1 and redis.call('EXISTS', key) == 0 then
    redis.call('DEL', marker)
    return true
  end
  return false
end
local function begin(marker, window, key, expires)
  if redis.call('HEXISTS', marker, 'w:' .. window) == 1 then return end
  if expires ~= '0' then redis.call('EXPIREAT', key, expires) end
  local now, fields = tonumber(redis.call('TIME')[1]), redis.call('HGETALL', marker)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'w:' and fields[i + 1] ~= '0' and tonumber(fields[i + 1]) < now then
      redis.call('HDEL', marker, fields[i])
    end
  end
  redis.call('HSET', marker, 'w:' .. window, expires)
end
local function total(key, field)
  local v = redis.call('HMGET', key, field .. '|u', field .. '|t', field .. '|r')
  return v[1] or '0', v[2] or '0', v[3] or '0'
end
"""

# KEYS: marker, attempt, request, one window for each claim
# ARGV: id, nano, tokens, keep_s, then for each claim: field, window, expires, limits of nano, tokens, requests, free
HOLD: Final = (
    _COMMON
    + """
local marker, record, counted = KEYS[1], KEYS[2], KEYS[3]
if lost(marker, ARGV[1]) then return {-1} end
if redis.call('EXISTS', record) == 1 then
  return {1, redis.call('HGET', record, 'o') or ''}
end
local u, t = tonumber(ARGV[2]), tonumber(ARGV[3])
local denied, opens, totals, waits = {}, {}, {}, {}
local function over(want, at, limit)
  return limit ~= '' and want > 0 and tonumber(at) + want > tonumber(limit)
end
for i = 1, #KEYS - 3 do
  local b, key = 4 + (i - 1) * 7, KEYS[3 + i]
  if gone(marker, ARGV[b + 2], key) then return {-1} end
  local su, st, sr = total(key, ARGV[b + 1])
  local r = 0
  if redis.call('HEXISTS', counted, ARGV[b + 2] .. '|' .. ARGV[b + 1]) == 0 then
    r = 1
    opens[#opens + 1] = i - 1
  end
  if ARGV[b + 7] ~= '1' and (over(u, su, ARGV[b + 4]) or over(t, st, ARGV[b + 5]) or over(r, sr, ARGV[b + 6])) then
    denied[#denied + 1] = i - 1
    local aside = redis.call('HMGET', key, ARGV[b + 1] .. '|x', ARGV[b + 1] .. '|y')
    local fu, ft = tonumber(su) - tonumber(aside[1] or 0), tonumber(st) - tonumber(aside[2] or 0)
    if not (over(u, fu, ARGV[b + 4]) or over(t, ft, ARGV[b + 5]) or over(r, sr, ARGV[b + 6])) then
      waits[#waits + 1] = i - 1
    end
  end
  totals[#totals + 1] = su
  totals[#totals + 1] = st
  totals[#totals + 1] = sr
end
if #denied > 0 then
  redis.call('EXPIRE', counted, ARGV[4])
  return {2, denied, {}, totals, waits}
end
redis.call('HSET', record, 's', 'h', 'u', ARGV[2], 't', ARGV[3], 'q', counted, 'n', #KEYS - 3,
  'o', table.concat(opens, ' '))
totals = {}
for i = 1, #KEYS - 3 do
  local b, key = 4 + (i - 1) * 7, KEYS[3 + i]
  local field = ARGV[b + 1]
  redis.call('HINCRBY', key, field .. '|u', ARGV[2])
  redis.call('HINCRBY', key, field .. '|t', ARGV[3])
  redis.call('HINCRBY', key, field .. '|x', ARGV[2])
  redis.call('HINCRBY', key, field .. '|y', ARGV[3])
  if redis.call('HINCRBY', counted, ARGV[b + 2] .. '|' .. field, 1) == 1 then
    redis.call('HINCRBY', key, field .. '|r', 1)
  end
  begin(marker, ARGV[b + 2], key, ARGV[b + 3])
  redis.call('HSET', record, 'k' .. i, key, 'f' .. i, field, 'w' .. i, ARGV[b + 2])
  totals[#totals + 1], totals[#totals + 2], totals[#totals + 3] = total(key, field)
end
redis.call('EXPIRE', record, ARGV[4])
redis.call('EXPIRE', counted, ARGV[4])
return {0, {}, opens, totals}
"""
)

# KEYS: marker, attempt, one window for each slot.  ARGV: id, nano, tokens ('': as was held), line, keep_s,
# then for each slot: field, window, expires
SETTLE: Final = (
    _COMMON
    + """
local marker, record = KEYS[1], KEYS[2]
if lost(marker, ARGV[1]) then return -1 end
local state = redis.call('HGET', record, 's')
if state == 'd' then return 1 end
if state == 'h' then
  local held = redis.call('HMGET', record, 'u', 't', 'n', 'q')
  local u, t = '0', '0'
  if held[4] then redis.call('EXPIRE', held[4], ARGV[5]) end
  if ARGV[2] ~= '' then u = string.format('%.0f', tonumber(ARGV[2]) - tonumber(held[1])) end
  if ARGV[3] ~= '' then t = string.format('%.0f', tonumber(ARGV[3]) - tonumber(held[2])) end
  for i = 1, tonumber(held[3]) do
    local at = redis.call('HMGET', record, 'k' .. i, 'f' .. i)
    if redis.call('EXISTS', at[1]) == 1 then
      redis.call('HINCRBY', at[1], at[2] .. '|u', u)
      redis.call('HINCRBY', at[1], at[2] .. '|t', t)
      redis.call('HINCRBY', at[1], at[2] .. '|x', '-' .. held[1])
      redis.call('HINCRBY', at[1], at[2] .. '|y', '-' .. held[2])
    end
  end
elseif tonumber(ARGV[4]) <= tonumber(redis.call('HGET', marker, 'upto')) then
  return 1
else
  for i = 1, #KEYS - 2 do
    if gone(marker, ARGV[5 + (i - 1) * 3 + 2], KEYS[2 + i]) then return -1 end
  end
  for i = 1, #KEYS - 2 do
    local b, key = 5 + (i - 1) * 3, KEYS[2 + i]
    redis.call('HINCRBY', key, ARGV[b + 1] .. '|u', ARGV[2] == '' and '0' or ARGV[2])
    redis.call('HINCRBY', key, ARGV[b + 1] .. '|t', ARGV[3] == '' and '0' or ARGV[3])
    begin(marker, ARGV[b + 2], key, ARGV[b + 3])
  end
end
redis.call('DEL', record)
redis.call('HSET', record, 's', 'd')
redis.call('EXPIRE', record, ARGV[5])
return 0
"""
)

# KEYS: marker, attempt.  ARGV: id
RELEASE: Final = (
    _COMMON
    + """
local marker, record = KEYS[1], KEYS[2]
if lost(marker, ARGV[1]) then return -1 end
if redis.call('HGET', record, 's') ~= 'h' then return 1 end
local held = redis.call('HMGET', record, 'u', 't', 'q', 'n')
for i = 1, tonumber(held[4]) do
  local at = redis.call('HMGET', record, 'k' .. i, 'f' .. i, 'w' .. i)
  local there = redis.call('EXISTS', at[1]) == 1
  if there then
    redis.call('HINCRBY', at[1], at[2] .. '|u', '-' .. held[1])
    redis.call('HINCRBY', at[1], at[2] .. '|t', '-' .. held[2])
    redis.call('HINCRBY', at[1], at[2] .. '|x', '-' .. held[1])
    redis.call('HINCRBY', at[1], at[2] .. '|y', '-' .. held[2])
  end
  local counter = at[3] .. '|' .. at[2]
  if redis.call('HEXISTS', held[3], counter) == 1 and redis.call('HINCRBY', held[3], counter, -1) <= 0 then
    redis.call('HDEL', held[3], counter)
    if there then redis.call('HINCRBY', at[1], at[2] .. '|r', -1) end
  end
end
redis.call('DEL', record)
return 0
"""
)

# KEYS: marker, attempt.  ARGV: id
HOLDS: Final = (
    _COMMON
    + """
if lost(KEYS[1], ARGV[1]) then return -1 end
return redis.call('HGET', KEYS[2], 's') == 'h' and 1 or 0
"""
)

# KEYS: marker, one window for each slot.  ARGV: id, then for each slot: field, window
READ: Final = (
    _COMMON
    + """
if lost(KEYS[1], ARGV[1]) then return {-1} end
local totals = {0}
for i = 1, #KEYS - 1 do
  local b = 1 + (i - 1) * 2
  if gone(KEYS[1], ARGV[b + 2], KEYS[1 + i]) then return {-1} end
  totals[#totals + 1], totals[#totals + 2], totals[#totals + 3] = total(KEYS[1 + i], ARGV[b + 1])
end
return totals
"""
)

# What `pacing.py` does. KEYS: asked, then for each bucket: cap, pace.  ARGV: keep_s, idle_s, eta, memory, pull, then
# for each bucket: share, burst (millionths), 1 where it is paced, the share at which it opens (millionths; -1: at once)
ASKED: Final = """
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 1 end
local eta, memory, pull = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 1, (#KEYS - 1) / 2 do
  local cap, pace, b = KEYS[2 * i], KEYS[2 * i + 1], 2 + 4 * i
  local share, burst, resume = tonumber(ARGV[b]), tonumber(ARGV[b + 1]), tonumber(ARGV[b + 3])
  local paced = ARGV[b + 2] == '1'
  local before = tonumber(redis.call('GET', cap) or burst)
  redis.call('SET', cap, string.format('%.0f', math.min(burst, before + share)), 'EX', ARGV[2])
  local was = redis.call('HMGET', pace, 'lately', 'price', 'shut')
  local lately, price, shut = tonumber(was[1] or 0) * (1 - memory), 0, was[3] == '1'
  if paced and share > 0 then
    local over = lately * 1000000 / share - 1 + pull * (0.5 - before / burst)
    price = math.min(1, math.max(0, tonumber(was[2] or 0) + eta * over))
  end
  if resume < 0 or lately * 1000000 <= resume then shut = false end
  redis.call('HSET', pace, 'lately', string.format('%.9f', lately), 'price', string.format('%.9f', price),
    'shut', shut and '1' or '0')
  redis.call('EXPIRE', pace, ARGV[2])
end
return 0
"""

# KEYS: taken, then for each bucket: cap, pace.  ARGV: keep_s, idle_s, memory, urgency, then for each bucket as above:
# burst, paced, resume
TAKE: Final = """
if redis.call('EXPIRE', KEYS[1], ARGV[1]) == 1 then return -1 end
local urgency, count = tonumber(ARGV[4]), (#KEYS - 1) / 2
for i = 1, count do
  local cap, pace, b = KEYS[2 * i], KEYS[2 * i + 1], 2 + 3 * i
  local empty = tonumber(redis.call('GET', cap) or ARGV[b]) < 1000000
  local was = redis.call('HMGET', pace, 'price', 'shut')
  if empty and tonumber(ARGV[b + 2]) >= 0 then
    redis.call('HSET', pace, 'shut', '1')
    redis.call('EXPIRE', pace, ARGV[2])
  end
  if empty or was[2] == '1' or (ARGV[b + 1] == '1' and urgency < tonumber(was[1] or 0)) then return i - 1 end
end
for i = 1, count do
  local cap, pace, b = KEYS[2 * i], KEYS[2 * i + 1], 2 + 3 * i
  local level = tonumber(redis.call('GET', cap) or ARGV[b]) - 1000000
  redis.call('SET', cap, string.format('%.0f', level), 'EX', ARGV[2])
  redis.call('HINCRBYFLOAT', pace, 'lately', ARGV[3])
  redis.call('EXPIRE', pace, ARGV[2])
end
redis.call('SET', KEYS[1], '1', 'EX', ARGV[1])
return -1
"""

# A server that is not the one on which the counting was made may have older data. KEYS: marker.  ARGV: run
GREET: Final = """
local run = redis.call('HGET', KEYS[1], 'run')
if run and run ~= ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""

# KEYS: marker.  ARGV: id, line
FORGET: Final = """
local m = redis.call('HMGET', KEYS[1], 'id', 'upto')
if m[1] and (m[1] == ARGV[1] or tonumber(m[2]) < tonumber(ARGV[2])) then redis.call('DEL', KEYS[1]) end
return 0
"""

# KEYS: marker.  ARGV: id, run, upto, then for each window: name, expires
INSTALL: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'run', ARGV[2], 'upto', ARGV[3])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], 'w:' .. ARGV[i], ARGV[i + 1]) end
return 1
"""
