#!lua
-- Turns dead letters into retries that are due. Ranges that were done are opened
-- again, with tokens that no earlier worker of theirs has had.
-- KEYS log
-- ARGV number of the campaign, its lane, then for each letter its id, and when
--      it is due or -1
local log, seq, lane = KEYS[1], ARGV[1], tonumber(ARGV[2])
local c = log .. ':c:' .. seq
local cancelled = redis.call('HGET', c, 'cancelled')
if cancelled == '1' then return -1 end
redis.call('EXISTS', log, c .. ':d')

local letters, opened = {}, nil
for i = 3, #ARGV, 2 do
  local text = redis.call('HGET', c .. ':d', ARGV[i])
  if text then
    local low, high, service, reason = string.match(text, '^(%d+) (%d+) %d+ %-?%d+ ([^,]*),(.*)$')
    whole(log, c, low)
    letters[#letters + 1] = {ARGV[i], ARGV[i + 1], low, tonumber(high), service, reason}
  end
end

for _, l in ipairs(letters) do
  local id, due, low, high, service, reason = unpack(l)
  if not redis.call('ZSCORE', c .. ':r', low) then
    opened = opened or redis.call('HINCRBY', c, 'replays', 1)
    local last = string.char(math.floor(high / 4), high % 4 * 64 + 63) .. string.rep('\255', 14)
    redis.call('PERSIST', c .. ':p')
    redis.call('HSET', c .. ':p', low .. '.high', high, low .. '.position', last, low .. '.scanned', 1,
      low .. '.token', string.format('%.0f', opened * 4294967296), low .. '.ends', 0)
    redis.call('ZADD', log .. ':active', string.format('%.0f', (255 - lane) * 4398046511104 + tonumber(seq)), seq)
  end
  redis.call('HDEL', c .. ':d', id)
  redis.call('ZADD', c .. ':w:' .. low, due, id)
  redis.call('HSET', c .. ':t', id, '1 ' .. low)
  for _, field in ipairs({'f.' .. reason, 's.' .. service .. ' f.' .. reason}) do
    if redis.call('HEXISTS', c, field) == 1 and redis.call('HINCRBY', c, field, -1) == 0 then redis.call('HDEL', c, field) end
  end
  await(c, low, cancelled)
end
return #letters
