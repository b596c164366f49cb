#!lua
-- Opens campaigns, cancels older ones of their items, moves the follower.
-- KEYS log
-- ARGV epoch and offset to follow to, then for each campaign its id, item,
--      lane, time of opening, body, subscriptions that stand, number of ranges, story
local log = KEYS[1]
local active = log .. ':active'
redis.call('EXISTS', log, active, log .. ':ids', log .. ':reports', log .. ':opened') -- see whole

-- cancel stops what is unsent of the item's campaigns. Their retries become
-- due, as there is nothing to wait for.
local function cancel(item)
  for _, seq in ipairs(redis.call('ZRANGE', active, 0, -1)) do
    local c = log .. ':c:' .. seq
    local was = redis.call('HMGET', c, 'item', 'cancelled')
    if was[1] == item and was[2] ~= '1' then
      local lows = redis.call('ZRANGE', c .. ':r', 0, -1)
      for _, low in ipairs(lows) do whole(log, c, low) end
      redis.call('HSET', c, 'cancelled', 1)
      redis.call('ZINCRBY', active, 2251799813685248, seq) -- 2^51: after all others
      for _, low in ipairs(lows) do await(c, low, '1') end
    end
  end
end

-- ending is the last ID of a shard; of the one before the first it is no ID.
local function ending(shard)
  if shard < 0 then return string.rep('\0', 16) end
  return string.char(math.floor(shard / 4), shard % 4 * 64 + 63) .. string.rep('\255', 14)
end

-- reached is how far the item's last campaign has come: the width of its
-- ranges, and up to which ID those are walked that are not walked whole. Nil if
-- all are.
local function reached(item)
  local last = redis.call('HGET', log .. ':reports', item)
  if not last then return nil end
  local c = log .. ':c:' .. last
  local width, upto = nil, {}
  for _, low in ipairs(redis.call('ZRANGE', c .. ':r', 0, -1)) do
    local p = redis.call('HMGET', c .. ':p', low .. '.high', low .. '.scanned', low .. '.position', low .. '.reached')
    width = p[1] - low + 1
    if p[2] ~= '1' then upto[tonumber(low)] = p[4] or p[3] end
  end
  return width, upto
end

-- first is the ID up to which those of the shards come first, nil if none do.
local function first(low, high, width, upto)
  local at = width and upto[math.floor(low / width) * width]
  if not width then return nil end
  if not at then return ending(high) end
  local shard = string.byte(at, 1) * 4 + math.floor(string.byte(at, 2) / 64)
  if at == ending(low - 1) or shard < low then return nil end
  if shard > high then return ending(high) end
  return at
end

local opened = {}
for i = 3, #ARGV, 8 do
  local id, item, lane, ranges = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 6])
  if redis.call('HEXISTS', log .. ':ids', id) == 0 then
    local before = redis.call('HGET', log .. ':reports', item)
    local wide, upto = reached(item)
    if wide then ranges = math.max(ranges, 1024 / wide) end
    cancel(item)
    local seq = string.format('%.0f', redis.call('HINCRBY', log, 'campaigns', 1))
    local c = log .. ':c:' .. seq
    whole(log, c, '0')
    redis.call('HSET', c, 'item', item, 'body', ARGV[i + 4], 'standing', ARGV[i + 5], 'cancelled', 0, 'unscanned', ranges, 'lane', lane)
    if ARGV[i + 7] ~= '' then redis.call('HSET', c, 'story', ARGV[i + 7]) end
    if before then redis.call('HSET', c, 'before', before) end
    local width = 1024 / ranges
    for low = 0, 1023, width do
      local high = low + width - 1
      redis.call('HSET', c .. ':p', low .. '.high', high, low .. '.position', ending(low - 1),
        low .. '.scanned', 0, low .. '.token', 0, low .. '.ends', 0)
      local goal = first(low, high, wide, upto)
      if goal then redis.call('HSET', c .. ':p', low .. '.reached', goal) end
      redis.call('ZADD', c .. ':r', 0, low)
    end
    redis.call('HSET', log .. ':ids', id, seq)
    redis.call('HSET', log .. ':reports', item, seq)
    redis.call('ZADD', log .. ':opened', ARGV[i + 3], seq)
    -- Highest lane first, then the oldest: 2^42 is beyond every number.
    redis.call('ZADD', active, string.format('%.0f', (255 - lane) * 4398046511104 + tonumber(seq)), seq)
    opened[#opened + 1] = id
  end
end

local l = redis.call('HMGET', log, 'epoch', 'followed_epoch', 'followed_offset')
local stale = l[2] == ARGV[1] and tonumber(ARGV[2]) <= tonumber(l[3] or 0)
if ARGV[1] ~= '' and not stale and not (l[2] == l[1] and ARGV[1] ~= l[1]) then
  redis.call('HSET', log, 'followed_epoch', ARGV[1], 'followed_offset', ARGV[2])
end
return opened
