#!lua
-- Makes the log if there is none, vouches for a server that has restarted,
-- and gives the log a new epoch if history was lost.
-- KEYS log, entries
-- ARGV seen epoch, offset, mark; a new epoch, distrust
local log, entries, epoch = KEYS[1], KEYS[2], ARGV[4]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local l = redis.call('HMGET', log, 'schema', 'run', 'followed_epoch', 'followed_offset', 'campaigns', 'moving')
if l[6] then return {'moving'} end -- half a move
if l[1] and tonumber(l[1]) > SCHEMA then return {'newer', l[1]} end

local h, why = standing(log, ARGV[1], ARGV[2], ARGV[3])
if h then
  if l[2] == run then return {'stands', h[1], h[2], h[4]} end
  if ARGV[1] == h[1] then -- the caller has seen that nothing is missing
    redis.call('HSET', log, 'run', run)
    return {'stands', h[1], h[2], h[4]}
  end
  if ARGV[5] ~= '1' then return {'restarted', h[1], h[2], h[4]} end
  why = 'Redis has restarted and nobody is left who could tell whether it lost anything'
end

-- Campaigns are numbered from the clock, so that even a log made anew gives
-- none a number that an older one had: subscriptions remember numbers.
local campaigns = math.max(now, tonumber(l[5] or 0))
local was = redis.call('HMGET', log, 'epoch', 'head', 'floor', 'mark')
if was[1] then
  redis.call('HSET', log, 'epoch', epoch, 'run', run, 'campaigns', campaigns)
  if l[3] == was[1] then
    redis.call('HSET', log, 'followed_epoch', epoch, 'followed_offset', math.min(tonumber(l[4]), tonumber(was[2])))
  end
  return {'renewed', epoch, tonumber(was[2]), was[4], why}
end
local head, floor, mark = 0, 0, ''
local last = redis.call('XREVRANGE', entries, '+', '-', 'COUNT', 1)[1]
if last then -- somebody deleted the head of a log
  head, mark = tonumber(string.match(last[1], '^%d+')), last[2][4]
  floor = tonumber(string.match(redis.call('XRANGE', entries, '-', '+', 'COUNT', 1)[1][1], '^%d+')) - 1
end
redis.call('HSET', log, 'schema', SCHEMA, 'epoch', epoch, 'head', head, 'floor', floor, 'mark', mark, 'run', run, 'campaigns', campaigns)
if ARGV[1] == '' and not last then return {'made', epoch, head, mark} end
return {'renewed', epoch, head, mark, why}
