-- As crowd.lua, where each connection is somebody who thinks before they ask: from the third argument to the fourth,
-- in milliseconds.
dofile("crowd.lua")

local shortest, longest = 0, 0

function think(args)
  shortest, longest = tonumber(args[3]), tonumber(args[4])
end

function delay()
  return math.random(shortest, longest)
end
