#!lua
-- Makes this half a move, in place of an earlier one, unless there is a log.
-- While the log has no epoch no node opens it, see reckon.lua.
-- KEYS log   ARGV name of the move
if redis.call('HEXISTS', KEYS[1], 'epoch') == 1 then return 0 end
redis.call('DEL', KEYS[1])
return redis.call('HSET', KEYS[1], 'moving', ARGV[1])
