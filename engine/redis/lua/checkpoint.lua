#!lua flags=allow-oom
-- Writes what became of a page, if the lease still holds, and once per nonce.
-- KEYS log
-- ARGV campaign, low, token, nonce, cursor, scanned, end of the lease; five
--      numbers: of settled ids, retries, gone ids, counts, dead letters; how many
--      letters are kept and for how many ms; then these, a retry as id, attempts, due
--      or -1, a count as name and number, a letter as id and text
local log = KEYS[1]
local seq = redis.call('HGET', log .. ':ids', ARGV[1])
if not seq then return {'lost'} end
local c, low = log .. ':c:' .. seq, ARGV[2]
local p = redis.call('HMGET', c .. ':p', low .. '.token', low .. '.scanned', low .. '.last', low .. '.reached')
if p[3] and string.sub(p[3], 5) == ARGV[4] then
  if p[1] == ARGV[3] then
    redis.call('HSET', c .. ':p', low .. '.ends', ARGV[7])
    await(c, low, redis.call('HGET', c, 'cancelled'))
  end
  return {string.sub(p[3], 1, 4), seq}
end
if p[1] ~= ARGV[3] then return {'lost'} end

whole(log, c, low)
redis.call('EXISTS', log, log .. ':removals', c .. ':d')
local alarmed = redis.call('HLEN', log .. ':alarms') > redis.call('HEXISTS', log .. ':alarms', 'canary') and 1 or 0

local waiting, tries = c .. ':w:' .. low, c .. ':t'
local i = 15
local departed, counted = {}, 0 -- the latter as gone, see settle; they are so no longer
for _ = 1, ARGV[8] do
  local id = ARGV[i]
  if redis.call('ZSCORE', waiting, id) == '-1' then departed[id] = true end
  if redis.call('ZREM', waiting, id) == 0 then counted = counted + 1 end
  redis.call('HDEL', tries, id)
  i = i + 1
end
for _ = 1, ARGV[9] do
  local id, due = ARGV[i], ARGV[i + 2]
  if departed[id] or redis.call('ZSCORE', waiting, id) == '-1' then due = -1 end
  redis.call('ZADD', waiting, due, id)
  redis.call('HSET', tries, id, ARGV[i + 1] .. ' ' .. low)
  i = i + 3
end
if counted > 0 then redis.call('HINCRBY', c, 'n.gone', -counted) end
-- Subscriptions are elsewhere. What is to be removed is written down here, so
-- that a crash between this and the removal forgets nothing. While an alarm
-- stands nothing is.
for _ = 1, ARGV[10] do
  if alarmed == 0 then redis.call('SADD', log .. ':removals', seq .. ' ' .. ARGV[i]) end
  i = i + 1
end
for _ = 1, ARGV[11] do
  redis.call('HINCRBY', c, ARGV[i], ARGV[i + 1])
  i = i + 2
end
if tonumber(ARGV[12]) > 0 then
  local room = tonumber(ARGV[13]) - redis.call('HLEN', c .. ':d')
  for _ = 1, math.min(tonumber(ARGV[12]), room) do
    redis.call('HSET', c .. ':d', ARGV[i], ARGV[i + 1])
    i = i + 2
  end
  redis.call('PEXPIRE', c .. ':d', ARGV[14])
end
redis.call('HSET', c .. ':p', low .. '.position', ARGV[5], low .. '.scanned', ARGV[6], low .. '.ends', ARGV[7])
if p[4] == ARGV[5] or ARGV[6] == '1' then redis.call('HDEL', c .. ':p', low .. '.reached') end
if p[2] ~= ARGV[6] then redis.call('HINCRBY', c, 'unscanned', ARGV[6] == '1' and -1 or 1) end
local cancelled = redis.call('HGET', c, 'cancelled')
local state = (settle(log, seq, low, cancelled) and '0' or '1') .. cancelled .. redis.call('EXISTS', log .. ':stop') .. alarmed
redis.call('HSET', c .. ':p', low .. '.last', state .. ARGV[4])
return {state, seq}
