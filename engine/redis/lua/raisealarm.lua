#!lua
-- Keeps an alarm, unless one of the service stands or an operator has looked.
-- KEYS log, alarms   ARGV service, since, text
if ARGV[1] ~= 'canary' and tonumber(ARGV[2]) < tonumber(redis.call('HGET', KEYS[1], 'trusted') or '-inf') then return 0 end
return redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[3])
