#!lua flags=allow-oom
-- Lends out the range that is to be worked off next.
-- KEYS log   ARGV worker, now, when the lease ends, for each block of 16 shards
-- whether the worker wants it first
local log = KEYS[1]
local schema = redis.call('HGET', log, 'schema')
if schema and tonumber(schema) > SCHEMA then return {'newer', schema} end
local removals = redis.call('SCARD', log .. ':removals')
if redis.call('EXISTS', log .. ':stop') == 1 then return {'none', removals} end

local active = redis.call('ZRANGE', log .. ':active', 0, -1)
local fields = {} -- of these campaigns: item, cancelled, story, lane
for _, seq in ipairs(active) do
  fields[seq] = redis.call('HMGET', log .. ':c:' .. seq, 'item', 'cancelled', 'story', 'lane')
end

-- taken is the shards to which other workers may be sending an older campaign of
-- the item or the story, and those that a higher one of the story has not been
-- walked through.
local function taken(seq)
  local spans, f = {}, fields[seq]
  for _, older in ipairs(active) do
    local o = fields[older]
    if tonumber(older) < tonumber(seq) and (o[1] == f[1] or o[3] and o[3] == f[3]) then
      local c = log .. ':c:' .. older
      local first = o[2] ~= '1' and tonumber(o[4] or 0) > tonumber(f[4] or 0)
      for _, low in ipairs(redis.call('ZRANGE', c .. ':r', 0, -1)) do
        local p = redis.call('HMGET', c .. ':p', low .. '.high', low .. '.ends', low .. '.worker', low .. '.scanned')
        if tonumber(p[2]) > tonumber(ARGV[2]) and p[3] ~= ARGV[1] or first and p[4] ~= '1' then
          spans[#spans + 1] = {tonumber(low), tonumber(p[1])}
        end
      end
    end
  end
  return spans
end

-- free reports whether a range touches none of the spans.
local function free(c, low, spans)
  if not spans[1] then return true end
  local from, to = tonumber(low), tonumber(redis.call('HGET', c .. ':p', low .. '.high'))
  for _, s in ipairs(spans) do
    if s[1] <= to and s[2] >= from then return false end
  end
  return true
end

-- ready is the first range of the first campaign that has one, rather one whose
-- walk has not come past those who go first, rather one that the worker wants.
local function ready()
  for _, seq in ipairs(active) do
    local c = log .. ':c:' .. seq
    local lows = redis.call('ZRANGEBYSCORE', c .. ':r', '-inf', ARGV[2])
    if lows[1] then
      local spans = fields[seq][2] == '1' and {} or taken(seq)
      local early = {}
      for _, low in ipairs(lows) do early[low] = redis.call('HEXISTS', c .. ':p', low .. '.reached') end
      for _, rank in ipairs({'11', '10', '01', '00'}) do
        for _, low in ipairs(lows) do
          local block = tonumber(low) / 16 + 1
          if early[low] .. string.sub(ARGV[4], block, block) == rank and free(c, low, spans) then return seq, low end
        end
      end
    end
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
