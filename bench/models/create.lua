-- Each request makes a task; the body is the file named by the first argument.
dofile("figures.lua")

function init(args)
  local file = assert(io.open(args[1]))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = "application/json"
  file:close()
end
