#!lua
-- Makes half a move a log, if it is still ours. The server is the one that the
-- nodes are to know: nobody has seen more of the log than it has.
-- KEYS log   ARGV name of the move, epoch
local l = redis.call('HMGET', KEYS[1], 'epoch', 'moving')
if l[1] == ARGV[2] and not l[2] then return 1 end -- the answer was lost
if l[2] ~= ARGV[1] then return 0 end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
redis.call('HSET', KEYS[1], 'schema', SCHEMA, 'epoch', ARGV[2], 'run', run)
redis.call('HDEL', KEYS[1], 'moving', 'moving_epoch')
return 1
