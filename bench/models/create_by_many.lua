-- Each request makes a task of somebody drawn at random. The body is the file named by the first argument; the second
-- has a line for each person, which begins with their token.
dofile("figures.lua")

local requests = {}

function init(args)
  local file = assert(io.open(args[1]))
  local body = file:read("*a")
  file:close()
  for line in io.lines(args[2]) do
    local headers = {Authorization = "Bearer " .. line:match("^(%S+)\t"), ["Content-Type"] = "application/json"}
    headers["Host"] = wrk.headers["Host"]
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  return requests[math.random(#requests)]
end
