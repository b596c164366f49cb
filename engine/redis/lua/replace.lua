#!lua
-- Puts a value in the place of another, if that is what is kept. Where the new
-- one is kept already the answer was lost, and this is the second time.
-- KEYS kept   ARGV name, old, new
local have = redis.call('HGET', KEYS[1], ARGV[1])
if have == ARGV[3] then return 1 end
if have ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
