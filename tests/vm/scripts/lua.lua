-- SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
-- lua: a folder is read, written and changed. lua.lua FOLDER
local folder = arg[1]
local function at(name) return folder .. "/" .. name end

local f = assert(io.open(at("numbers"), "w"))
for i = 1, 5000 do f:write(i, " ", i * i, " ", string.format("%.14g", math.sqrt(i)), "\n") end
f:close()

local sum, count = 0, 0
for line in io.lines(at("numbers")) do
    local a, b = line:match("^(%d+) (%d+)")
    sum, count = sum + a + b, count + 1
end
print(count, sum)

f = assert(io.open(at("numbers"), "r+"))
print(f:seek("end"), f:seek("set", 100), f:read(5), f:read("n"), f:read("l"))
print(f:seek("set", 0), f:write("HEAD") == f, f:seek("cur"))
f:close()
for a, b in io.lines(at("numbers"), 4, "n") do print(a, b) break end
f = assert(io.open(at("numbers"), "a+"))
f:setvbuf("full", 100)
f:write("tail\n")
f:flush()
f:seek("set", 0)
local all = f:read("a")
print(#all, all:sub(-5, -2))
f:close()
print(io.type(f), pcall(f.read, f))

print(os.rename(at("numbers"), at("renamed")))
print((select(3, io.open(at("numbers")))), (select(3, os.remove(at("numbers")))))
print(os.remove(at("renamed")))
print(select(3, os.rename(at("none"), at("x"))))
print(select(3, io.open(at("none/below"), "w")))

print(os.date("!%Y-%m-%d %H:%M:%S", 1700000000), os.time({year = 2024, month = 2, day = 30, hour = 12}))
print(os.time() > 1600000000, os.clock() >= 0, os.getenv("NOT_SET"), #os.tmpname() > 0)
print(string.format("%5d|%-8s|%x|%q|%g", 42, "wool", 255, "a\nb", 1 / 3))
print(("the wolf in wool"):gsub("w(o%w+)", "<%1>"))
print(select(2, pcall(error, {code = 7})).code)
print((select(2, pcall(function() local nothing; return nothing.field end)):gsub("^[^:]*", "")))
print(select("#", table.unpack({1, 2, 3})), math.maxinteger, 7 // 2, 2 ^ 53, "10" + 5)
print(string.pack("<i4z", 7, "wool"):byte(1, -1))
print(utf8.char(0x7f8a), utf8.len("羊毛"))

f = assert(io.open(at("flock.lua"), "w"))
f:write("local m = {} function m.baa(n) return ('baa '):rep(n) end return m\n")
f:close()
package.path = folder .. "/?.lua"
print(require("flock").baa(3), package.loaded.flock ~= nil)
print(select(2, pcall(require, "nowhere")):match("^[^\n]*"))
print(load("return 1 +")) -- a syntax error
local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(c(), c(), c())

local t = {}
for i = 1, 200000 do t[i] = (i * 7919) % 200003 end
table.sort(t)
local joined = table.concat(t, ",")
f = assert(io.open(at("large"), "wb"))
f:write(joined, joined, joined)
f:close()
collectgarbage()
print(t[1], t[#t], #joined)
for line in io.stdin:lines() do print("input", line) end
error("ends with an error", 0)
