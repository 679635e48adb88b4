-- As crowd.lua, where each connection is somebody who thinks before they ask: from the third argument to the fourth,
-- in milliseconds. Before its first request nobody thinks for longer than four seconds: nginx takes who has connected
-- and says nothing for ten for one who never will. The fifth argument is the number of connections.
dofile("crowd.lua")

accept_encoding = "gzip, deflate, br, zstd"

local FIRST = 4000

local shortest, longest, waiting = 0, 0, 0

function think(args)
  shortest, longest = tonumber(args[3]), tonumber(args[4])
  waiting = tonumber(args[5] or 0)
end

function delay()
  if waiting > 0 then
    waiting = waiting - 1
    return math.random(0, math.min(longest, FIRST))
  end
  return math.random(shortest, longest)
end
