#!lua flags=allow-oom
-- Lends out the range that is to be worked off next.
-- KEYS log   ARGV worker, now, when the lease ends
local log = KEYS[1]
local removals = redis.call('SCARD', log .. ':removals')
if redis.call('EXISTS', log .. ':stop') == 1 then return {'none', removals} end

-- ready is the first range of the first campaign that has one.
local function ready()
  for _, seq in ipairs(redis.call('ZRANGE', log .. ':active', 0, -1)) do
    local low = redis.call('ZRANGEBYSCORE', log .. ':c:' .. seq .. ':r', '-inf', ARGV[2], 'LIMIT', 0, 1)[1]
    if low then return seq, low end
  end
end

-- A range may be due only because subscriptions departed. It is seen to here,
-- so that a worker that finds no delivery in it need not.
for _ = 1, 64 do
  local seq, low = ready()
  if not seq then return {'none', removals} end
  local c = log .. ':c:' .. seq
  local f = redis.call('HMGET', c, 'cancelled', 'body')
  local at = settle(log, seq, low, f[1])
  if at and at <= tonumber(ARGV[2]) then
    local p = redis.call('HMGET', c .. ':p', low .. '.high')
    local token = redis.call('HINCRBY', c .. ':p', low .. '.token', 1)
    redis.call('HSET', c .. ':p', low .. '.ends', ARGV[3], low .. '.worker', ARGV[1])
    await(c, low, f[1])
    return {'lease', removals, f[2], low, p[1], token, f[1]}
  end
end
return {'more', removals}
