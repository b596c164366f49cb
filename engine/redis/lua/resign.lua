#!lua flags=allow-oom
-- Gives a job up, if the node leads it.
-- KEYS leaders   ARGV job, node
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and string.match(held, '^%S+') == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
