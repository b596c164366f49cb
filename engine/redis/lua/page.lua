#!lua flags=no-writes
-- Reads where a range stands, and its retries that are due.
-- KEYS log   ARGV campaign, low, token, now, limit
local seq = redis.call('HGET', KEYS[1] .. ':ids', ARGV[1])
if not seq then return {'lost'} end
local c, low = KEYS[1] .. ':c:' .. seq, ARGV[2]
local p = redis.call('HMGET', c .. ':p', low .. '.token', low .. '.position', low .. '.scanned', low .. '.high', low .. '.reached')
if p[1] ~= ARGV[3] then return {'lost'} end
local waiting = c .. ':w:' .. low
local f = redis.call('HMGET', c, 'cancelled', 'standing')
local upto = f[1] == '1' and '+inf' or ARGV[4]
local limit = tonumber(ARGV[5])
local due = redis.call('ZRANGEBYSCORE', waiting, 0, upto, 'WITHSCORES', 'LIMIT', 0, limit + 1)
local next = due[2 * limit + 2]
if not next and upto ~= '+inf' then
  next = redis.call('ZRANGEBYSCORE', waiting, '(' .. upto, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
end
local out = {'ok', seq, p[2], p[3], p[4], f[2], p[5] or '', next or ''}
for i = 1, #due, 2 do
  out[#out + 1] = due[i]
  out[#out + 1] = string.match(redis.call('HGET', c .. ':t', due[i]), '^%d+')
end
return out
