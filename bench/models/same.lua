-- The same request again and again: wrk's own, with the headers of its command line.
dofile("figures.lua")
