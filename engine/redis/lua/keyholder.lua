#!lua flags=no-writes
-- Finds the editor whose key has the sum.
-- KEYS editors, sums   ARGV sum
local id = redis.call('HGET', KEYS[2], ARGV[1])
return id and redis.call('HGET', KEYS[1], id)
