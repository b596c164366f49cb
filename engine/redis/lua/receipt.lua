#!lua
-- Counts a receipt, once per nonce, and when something was displayed.
-- KEYS campaign's receipts, nonces   ARGV kind, nonce, time, life in ms
local r = redis.call('HMGET', KEYS[1], 'deadline', 'standing', ARGV[1], 'opened')
if not r[1] or tonumber(ARGV[3]) > tonumber(r[1]) + tonumber(ARGV[4]) then return 0 end
if redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 1 then return 1 end
if tonumber(r[3] or 0) >= tonumber(r[2]) then return 0 end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
if ARGV[1] == 'displayed' and r[4] then
  redis.call('HINCRBY', KEYS[1], 'd.' .. string.format('%.0f', tenth(tonumber(ARGV[3]) - tonumber(r[4]))), 1)
end
-- The nonces go when no receipt is taken any more, and a day for clocks that differ.
redis.call('PEXPIRE', KEYS[2], math.max(tonumber(r[1]) - tonumber(ARGV[3]), 0) + tonumber(ARGV[4]) + 86400000)
return 1
