-- Each request is another one. The file named by the first argument has a line for each: the path, a
-- tab, and the token of whoever asks for it.
dofile("figures.lua")

local requests, sent = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local path, token = line:match("^(%S+)\t(%S+)$")
    wrk.headers["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end
