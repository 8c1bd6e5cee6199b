"""What happens inside Redis, atomically: one script per question.

Each script is `CLOCK` and a body. Redis's own clock counts, so that the clocks of several machines need not
agree; a test puts another clock in front of the same body. The arithmetic of `TAKE` and `CHARGE` is that of
`policy.limits.Meter`, on whole numbers that a double holds exactly, and a test compares the two.

A scope of requests in flight is a hash: one field per process, `COUNT:UNTIL` (Unix milliseconds). A process
writes its fields anew before `UNTIL`; those of one that died no longer count, and go when somebody looks.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

# Longer than any window: what a key has used up is forgotten after so long without a request.
KEEP_S: Final = 32 * 86400

CLOCK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_METER: Final = """
-- KEYS[1]: what a key has used up, a hash. ARGV[1], ARGV[2]: its requests and tokens per minute, 0: unlimited.
local SCALE, DAY_MS = 60000, 86400000
local FIELDS = {'at', 'requests', 'tokens', 'day', 'day_tokens', 'day_cost', 'month', 'month_tokens', 'month_cost'}

local meter = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(FIELDS))) do
  meter[FIELDS[i]] = tonumber(value or 0)
end

local elapsed = math.max(0, now - meter.at)
meter.at = now
for i, bucket in ipairs({'requests', 'tokens'}) do
  local limit = tonumber(ARGV[i])
  meter[bucket] = limit > 0 and math.max(0, meter[bucket] - elapsed * limit) or 0
end

-- Months since year 0 from days since 1970: years that begin in March have their leap day at the end, and 400
-- of them are always 146097 days.
local function month_of(day)
  day = day + 719468
  local era = math.floor(day / 146097)
  local of_era = day - era * 146097
  local year = math.floor(
    (of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local since_march = math.floor((5 * of_year + 2) / 153)
  return (year + era * 400) * 12 + since_march + 2
end

local day = math.floor(now / DAY_MS)
if meter.day ~= day then
  meter.day, meter.day_tokens, meter.day_cost = day, 0, 0
  local month = month_of(day)
  if meter.month ~= month then
    meter.month, meter.month_tokens, meter.month_cost = month, 0, 0
  end
end

local function save()
  local values = {}
  for _, name in ipairs(FIELDS) do
    values[#values + 1] = name
    values[#values + 1] = string.format('%.0f', meter[name])
  end
  redis.call('HSET', KEYS[1], unpack(values))
  redis.call('EXPIRE', KEYS[1], {KEEP_S})
end
""".replace("{KEEP_S}", str(KEEP_S))

_TAKE: Final = """
-- ARGV[3..6]: budgets: tokens of a day, of a month, money of a day, of a month; 0: unlimited.
-- Answers 1 or 0, granted or not, and the meter.
local function below(used, limit)
  return limit == 0 or used < limit
end
local requests, tokens = tonumber(ARGV[1]), tonumber(ARGV[2])
local granted = (requests == 0 or meter.requests + SCALE <= requests * SCALE)
  and below(meter.tokens, tokens * SCALE)
  and below(meter.day_tokens, tonumber(ARGV[3]))
  and below(meter.month_tokens, tonumber(ARGV[4]))
  and below(meter.day_cost, tonumber(ARGV[5]))
  and below(meter.month_cost, tonumber(ARGV[6]))
if granted and requests > 0 then
  meter.requests = meter.requests + SCALE
end
save()  -- a refused request, too: were a clock that is set back not noted, the bucket would wait for it to catch up
local answer = {granted and 1 or 0}
for _, name in ipairs(FIELDS) do
  answer[#answer + 1] = meter[name]
end
return answer
"""

_CHARGE: Final = """
-- ARGV[3], ARGV[4]: tokens, and money in billionths.
local tokens, cost = tonumber(ARGV[3]), tonumber(ARGV[4])
if tonumber(ARGV[2]) > 0 then
  meter.tokens = meter.tokens + tokens * SCALE
end
meter.day_tokens, meter.day_cost = meter.day_tokens + tokens, meter.day_cost + cost
meter.month_tokens, meter.month_cost = meter.month_tokens + tokens, meter.month_cost + cost
save()
return 1
"""

_USED: Final = """
-- Answers the meter as it was left, in its order; nothing where there is none.
local FIELDS = {'at', 'requests', 'tokens', 'day', 'day_tokens', 'day_cost', 'month', 'month_tokens', 'month_cost'}
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local answer = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(FIELDS))) do
  answer[i] = tonumber(value or 0)
end
return answer
"""

_SCOPES: Final = """
-- ARGV[1]: this process. ARGV[2]: how long its places count without being renewed, in milliseconds.
local process, lease = ARGV[1], tonumber(ARGV[2])

-- How many places all processes hold, and this one.
local function held(scope)
  local all, own = 0, 0
  local fields = redis.call('HGETALL', scope)
  for i = 1, #fields, 2 do
    local count, ends = string.match(fields[i + 1], '^(%d+):(%d+)$')
    if tonumber(ends) <= now then
      redis.call('HDEL', scope, fields[i])
    else
      all = all + count
      if fields[i] == process then own = tonumber(count) end
    end
  end
  return all, own
end

local function hold(scope, count)
  if count > 0 then
    redis.call('HSET', scope, process, string.format('%d:%d', count, now + lease))
    -- Another process may have been given a longer lease.
    if redis.call('PTTL', scope) < lease then redis.call('PEXPIRE', scope, lease) end
  else
    redis.call('HDEL', scope, process)
  end
end
"""

_LEASE: Final = """
-- KEYS: scopes. ARGV[3..]: the limit of each. Answers 0: a place taken in each; n: the nth is full, none taken.
local mine = {}
for i, scope in ipairs(KEYS) do
  local all, own = held(scope)
  if all >= tonumber(ARGV[2 + i]) then return i end
  mine[i] = own
end
for i, scope in ipairs(KEYS) do hold(scope, mine[i] + 1) end
return 0
"""

_RELEASE: Final = """
-- KEYS: scopes. ARGV[3..]: how many places of each are given back.
for i, scope in ipairs(KEYS) do
  local _, own = held(scope)
  hold(scope, own - ARGV[2 + i])
end
return 1
"""

_RENEW: Final = """
-- KEYS[1]: a sign of life. KEYS[2..]: scopes. ARGV[3..]: how many places of each this process holds, in truth.
redis.call('SET', KEYS[1], now, 'PX', lease)
for i = 2, #KEYS do hold(KEYS[i], tonumber(ARGV[1 + i])) end
return 1
"""


class Script(msgspec.Struct, frozen=True):
    """A script as Redis takes it: `text` for `SCRIPT LOAD`, `sha` for `EVALSHA`."""

    text: str
    sha: str


def script(body: str, clock: str = CLOCK) -> Script:
    """A body behind a clock."""
    text = clock + body
    # Redis calls scripts by their SHA-1; nothing depends on its strength.
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


TAKE_BODY: Final = _METER + _TAKE
CHARGE_BODY: Final = _METER + _CHARGE
LEASE_BODY: Final = _SCOPES + _LEASE
RELEASE_BODY: Final = _SCOPES + _RELEASE
RENEW_BODY: Final = _SCOPES + _RENEW

TAKE: Final = script(TAKE_BODY)
CHARGE: Final = script(CHARGE_BODY)
USED: Final = script(_USED)
LEASE: Final = script(LEASE_BODY)
RELEASE: Final = script(RELEASE_BODY)
RENEW: Final = script(RENEW_BODY)
