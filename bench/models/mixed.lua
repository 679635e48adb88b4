-- Answers from memory, lists that were never asked for, and new tasks, in given shares. Arguments: a file with a line for
-- each list that is in memory (the path, a tab, the token); the same for lists to be made, each asked for once; the body
-- of a new task; a file with a line for each who makes some, which begins with their token; the shares of the first two.
dofile("figures.lua")

local hits, misses, writes, made = {}, {}, {}, 0
local share_of_hits, share_of_misses

local function lists(name)
  local found = {}
  for line in io.lines(name) do
    local path, token = line:match("^(%S+)\t(%S+)$")
    wrk.headers["Authorization"] = "Bearer " .. token
    found[#found + 1] = wrk.format("GET", path)
  end
  return found
end

function init(args)
  math.randomseed(os.time())
  hits, misses = lists(args[1]), lists(args[2])
  local file = assert(io.open(args[3]))
  local body = file:read("*a")
  file:close()
  for line in io.lines(args[4]) do
    local headers = {Authorization = "Bearer " .. line:match("^(%S+)\t"), ["Content-Type"] = "application/json"}
    headers["Host"] = wrk.headers["Host"]
    writes[#writes + 1] = wrk.format("POST", "/api/v1/tasks", headers, body)
  end
  share_of_hits, share_of_misses = tonumber(args[5]), tonumber(args[6])
end

function request()
  local drawn = math.random()
  if drawn < share_of_hits then return hits[math.random(#hits)] end
  if drawn < share_of_hits + share_of_misses then
    made = made + 1
    return misses[(made - 1) % #misses + 1]
  end
  return writes[math.random(#writes)]
end
