-- Many people, of whom a few ask most: each request is by one drawn by Zipf's law, for a path drawn at random; some are
-- changes. Arguments: a file with a line for each person (token, tab, id of a task), and the share of changes.
dofile("figures.lua")

local people, sums = {}, {}
local share_of_changes = 0
-- What a model may have its people take.
accept_encoding = nil

-- Of a hundred requests: what is asked for.
local PATHS = {
  {40, function(_) return "/api/v1/tasks?limit=20" end},
  {55, function(_) return "/api/v1/tasks?limit=20&status=todo" end},
  {80, function(person) return "/api/v1/tasks/" .. person.task end},
  {90, function(_) return "/api/v1/stats" end},
  {100, function(_) return "/api/v1/me" end},
}

-- For models in which one thinks before one asks.
function think(_) end

local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  share_of_changes = tonumber(args[2])
  think(args)
  math.randomseed(os.time() * 100 + number)
  local so_far = 0
  for line in io.lines(args[1]) do
    local token, task = line:match("^(%S+)\t(%S+)$")
    local person = {task = task, headers = {
      Authorization = "Bearer " .. token, Host = wrk.headers["Host"], ["Accept-Encoding"] = accept_encoding}}
    people[#people + 1] = person
    so_far = so_far + 1 / #people
    sums[#people] = so_far
  end
end

local function drawn()
  local wanted, low, high = math.random() * sums[#sums], 1, #sums
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < wanted then low = middle + 1 else high = middle end
  end
  return people[low]
end

local function formatted(person, which)
  person[which] = person[which] or wrk.format("GET", PATHS[which][2](person), person.headers)
  return person[which]
end

function request()
  local person = drawn()
  if math.random() < share_of_changes then
    person.changing = person.changing or {
      Authorization = person.headers.Authorization, Host = person.headers.Host, ["Content-Type"] = "application/json"}
    local body = string.format('{"title":"Changed %d"}', math.random(1000000000))
    return wrk.format("PATCH", "/api/v1/tasks/" .. person.task, person.changing, body)
  end
  local chance = math.random(100)
  for which, path in ipairs(PATHS) do
    if chance <= path[1] then return formatted(person, which) end
  end
end
