#!lua flags=allow-oom
-- Removes the oldest entries, at most step of them.
-- KEYS log, entries   ARGV keep, the time after which entries are young, step
local h = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'floor', 'followed_epoch', 'followed_offset')
if not h[1] then return 0 end
local floor = tonumber(h[3])
local to = math.min(tonumber(h[2]) - tonumber(ARGV[1]), floor + tonumber(ARGV[3]))
if h[4] == h[1] then to = math.min(to, tonumber(h[5])) end
if to <= floor then return 0 end
local young = tonumber(ARGV[2])
for _, e in ipairs(redis.call('XRANGE', KEYS[2], string.format('%d-0', floor + 1), string.format('%d-0', to))) do
  if tonumber(e[2][6]) > young then
    to = tonumber(string.match(e[1], '^%d+')) - 1
    break
  end
end
if to <= floor then return 0 end
redis.call('HSET', KEYS[1], 'floor', to)
redis.call('XTRIM', KEYS[2], 'MINID', '=', string.format('%d-0', to + 1))
return to - floor
