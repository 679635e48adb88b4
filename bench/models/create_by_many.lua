-- Each request makes a task of somebody drawn at random. The body is the file named by the first argument; the second
-- has a line for each person, which begins with their token. Where the third is `keys`, each has an Idempotency-Key that
-- no other request has.
dofile("figures.lua")

local requests, keys, sent = {}, nil, 0

function init(args)
  local file = assert(io.open(args[1]))
  local body = file:read("*a")
  file:close()
  if args[3] == "keys" then keys = "Idempotency-Key: " .. os.time() .. "-" end
  for line in io.lines(args[2]) do
    local headers = {Authorization = "Bearer " .. line:match("^(%S+)\t"), ["Content-Type"] = "application/json"}
    headers["Host"] = wrk.headers["Host"]
    local first, rest = wrk.format("POST", nil, headers, body):match("^(.-\r\n)(.*)$")
    requests[#requests + 1] = {first = first, rest = rest, whole = first .. rest}
  end
end

function request()
  local one = requests[math.random(#requests)]
  if not keys then return one.whole end
  sent = sent + 1
  return one.first .. keys .. sent .. "\r\n" .. one.rest
end
