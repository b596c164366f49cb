-- tenth is push.Tenth of so many milliseconds.
local function tenth(ms)
  local n = math.min(math.max(math.floor(ms / 100), 0), 431999)
  if n < 6000 then return n end
  if n < 36000 then return n - n % 10 + 9 end
  return n - n % 600 + 599
end
