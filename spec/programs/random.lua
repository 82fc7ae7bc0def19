--- Numbers that depend on a seed and on nothing else: the same on every Lua,
-- whatever its numbers are. Two Lehmer generators, as L'Ecuyer combined them;
-- no product leaves the 53 bits of a double.
local Random = {}
Random.__index = Random

local MODULUS_1, FACTOR_1 = 2147483563, 40014
local MODULUS_2, FACTOR_2 = 2147483399, 40692

--- A generator. Those of neighbouring seeds have nothing in common.
local function new(seed)
  local self = setmetatable({
    one = seed * 7919 % (MODULUS_1 - 1) + 1,
    two = seed * 104729 % (MODULUS_2 - 1) + 1,
  }, Random)
  for _ = 1, 20 do self:draw() end
  return self
end

function Random:draw()
  self.one = self.one * FACTOR_1 % MODULUS_1
  self.two = self.two * FACTOR_2 % MODULUS_2
  return (self.one - self.two) % (MODULUS_1 - 1)
end

--- A whole number from `first` to `last`.
function Random:between(first, last)
  return first + self:draw() % (last - first + 1)
end

--- True in `percent` of a hundred cases.
function Random:chance(percent)
  return self:draw() % 100 < percent
end

--- One of a list.
function Random:pick(list)
  return list[self:between(1, #list)]
end

--- One of a list of `{weight, value}`.
function Random:weighted(list)
  local total = 0
  for _, entry in ipairs(list) do total = total + entry[1] end
  local left = self:between(1, total)
  for _, entry in ipairs(list) do
    left = left - entry[1]
    if left <= 0 then return entry[2] end
  end
end

--- A generator of its own: what it is asked disturbs nobody else's numbers.
function Random:fork()
  return new(self:draw())
end

return {new = new}
