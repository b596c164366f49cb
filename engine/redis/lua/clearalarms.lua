#!lua flags=allow-oom
-- Forgets the alarms, and has none be raised for a while.
-- KEYS log, alarms   ARGV until when
redis.call('EXISTS', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'trusted', ARGV[1])
return redis.call('DEL', KEYS[2])
