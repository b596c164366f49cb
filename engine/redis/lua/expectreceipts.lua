#!lua
-- Makes ready to count a campaign's receipts, if that has not been done.
-- KEYS campaign's receipts   ARGV deadline, subscriptions that stand, life in ms, time of opening
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'deadline', ARGV[1], 'standing', ARGV[2], 'opened', ARGV[4])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
