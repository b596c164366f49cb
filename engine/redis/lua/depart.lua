#!lua flags=allow-oom
-- Marks the retries that wait for subscriptions which stand no more. The next
-- claim or checkpoint counts them: counting here could count twice, as they
-- may be under way. That subscriptions have changed is counted at once.
-- KEYS log   ARGV number of the last campaign that this is about, id …
local n = 0
for _, seq in ipairs(redis.call('ZRANGE', KEYS[1] .. ':active', 0, -1)) do
  if tonumber(seq) <= tonumber(ARGV[1]) then
    local c = KEYS[1] .. ':c:' .. seq
    local lows = {}
    for i = 2, #ARGV do
      local try = redis.call('HGET', c .. ':t', ARGV[i])
      if try then
        local low = string.match(try, '%d+$')
        whole(KEYS[1], c, low)
        redis.call('ZADD', c .. ':w:' .. low, -1, ARGV[i])
        lows[low] = true
        n = n + 1
      end
    end
    if next(lows) then
      local cancelled = redis.call('HGET', c, 'cancelled')
      for low in pairs(lows) do await(c, low, cancelled) end
    end
  end
end
redis.call('HINCRBY', KEYS[1], 'changes', 1)
return n
