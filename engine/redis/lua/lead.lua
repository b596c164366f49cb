#!lua
-- Makes a node the leader of a job, unless another leads it.
-- KEYS leaders   ARGV job, node, now, until when
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local leader, ends = string.match(held, '^(%S+) (%d+)$')
  if leader ~= ARGV[2] and tonumber(ends) > tonumber(ARGV[3]) then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[4])
return 1
