-- The state of a campaign's range is in two places: the fields LOW.… of the
-- hash c:SEQ:p, and in the sorted set c:SEQ:r, by when it may be claimed. Its
-- retries are in the sorted set c:SEQ:w:LOW by when they are due, with -1 for
-- those whose subscription has departed, and in the hash c:SEQ:t.

-- whole makes sure that the keys which are about to be written, there yet or
-- not, are all on this server. While a Cluster moves their slot they may not
-- be, and the script ends here rather than halfway.
local function whole(log, c, low)
  redis.call('EXISTS', log, log .. ':active', c, c .. ':p', c .. ':r', c .. ':t', c .. ':w:' .. low)
end

-- due is when the range has work, and nil if it never has again.
local function due(c, low, scanned, cancelled)
  if scanned ~= '1' then return 0 end
  local first = redis.call('ZRANGE', c .. ':w:' .. low, 0, 0, 'WITHSCORES')
  if not first[1] then return nil end
  return cancelled == '1' and 0 or math.max(tonumber(first[2]), 0)
end

-- await sets when the range may be claimed.
local function await(c, low, cancelled)
  local f = redis.call('HMGET', c .. ':p', low .. '.scanned', low .. '.ends')
  redis.call('ZADD', c .. ':r', math.max(due(c, low, f[1], cancelled) or 0, tonumber(f[2])), low)
end

-- settle counts retries whose subscriptions have departed, and closes the
-- range if it is done. Returns when it has work, nil if it is done.
local function settle(log, seq, low, cancelled)
  local c = log .. ':c:' .. seq
  local waiting = c .. ':w:' .. low
  whole(log, c, low)
  local departed = redis.call('ZRANGEBYSCORE', waiting, -1, -1, 'LIMIT', 0, 1000)
  if departed[1] then
    redis.call('ZREM', waiting, unpack(departed))
    redis.call('HDEL', c .. ':t', unpack(departed))
    redis.call('HINCRBY', c, 'n.gone', #departed)
  end
  local at = due(c, low, redis.call('HGET', c .. ':p', low .. '.scanned'), cancelled)
  if at then
    await(c, low, cancelled)
    return at
  end
  redis.call('ZREM', c .. ':r', low)
  redis.call('HDEL', c .. ':p', low .. '.high', low .. '.position', low .. '.scanned', low .. '.token', low .. '.ends', low .. '.worker', low .. '.reached')
  if redis.call('EXISTS', c .. ':r') == 0 then
    redis.call('ZREM', log .. ':active', seq)
    redis.call('EXPIRE', c .. ':p', 600) -- it says what the last checkpoints were
  end
  return nil
end
