--- `check.lua DIRECTORY`: does the rendered reference say what the module has,
-- all of it and nothing else? Part of `make lint`. Names are compared both ways,
-- links are followed, and nothing may look like Markdown that was not rendered.
local ssl = require "luassl"
local core = require "luassl.core"
local docstrings = require "doc.reference.docstrings"
local names = require "doc.reference.names"

local directory = assert(arg[1], "which directory?")
local complaints = {}

local function complain(...)
  local text = table.concat({...})
  if complaints[text] then return end
  complaints[text], complaints[#complaints + 1] = true, text
  io.stderr:write("reference: ", text, "\n")
end

local function files()
  local pipe = assert(io.popen("cd '" .. directory .. "' && LC_ALL=C find . -name '*.html'"))
  local list = {}
  for path in pipe:lines() do list[#list + 1] = path:gsub("^%./", "") end
  pipe:close()
  return list
end

local texts, anchors = {}, {}
for _, path in ipairs(files()) do
  local text = docstrings.read_file(directory .. "/" .. path)
  texts[path], anchors[path] = text, {}
  for id in text:gmatch '%sid="([^"]+)"' do anchors[path][id] = true end
  for id in text:gmatch '<a name="([^"]+)"' do anchors[path][id] = true end
end

-- ---- names

-- What a page has an entry for, headings of groups and the like left out.
local function entries(text)
  local found = {}
  for id, body in text:gmatch '<section class="entry [^"]*" id="([^"]+)">(.-)</section>' do
    found[id] = body
    for also in (body:match "<h3>.-</h3>" or ""):gmatch '<code id="([^"]+)"' do found[also] = body end
  end
  return found
end

local function check_page(name, wanted)
  local path = "reference/" .. name .. ".html"
  local found = texts[path] and entries(texts[path])
  if not found then return complain("there is no page ", name) end
  for each in pairs(wanted) do
    if not found[each] then complain(name, ": ", each, " has no entry") end
  end
  for each, body in pairs(found) do
    if not wanted[each] then complain(name, ": ", each, " has an entry, but there is no such name") end
    if not body:find 'since">Since %d+%.%d+%.%d+</p>' then complain(name, ": ", each, " does not say since when") end
    if body:find "<p>%s*</p>" then complain(name, ": ", each, " has no description") end
  end
end

for name, wanted in pairs(names.of(ssl, core)) do check_page(name, wanted) end

-- ---- links

local function resolve(from, url)
  local path = from:match "^(.*/)" or ""
  path = path .. url
  while path:find "[^/]+/%.%./" do path = path:gsub("[^/]+/%.%./", "", 1) end
  return path
end

for path, text in pairs(texts) do
  for url in text:gmatch 'href="([^"]+)"' do
    if not url:find "^%a+:" then
      local target, anchor = url:match "^([^#]*)#?(.*)$"
      local page = target == "" and path or resolve(path, target)
      if page:find "%.html$" then
        if not texts[page] then complain(path, ": ", url, " leads nowhere")
        elseif anchor ~= "" and not anchors[page][anchor] then complain(path, ": no ", anchor, " in ", page) end
      end
    end
  end
end

-- ---- search

-- Every name of the reference is found, every page too, and what is found is there.
local found = {}
for url, title in docstrings.read_file(directory .. "/search-index.js"):gmatch '%["%l+","(.-)","(.-)"' do
  local page, anchor = url:match "^([^#]*)#?(.*)$"
  if not texts[page] then complain("search: ", url, " leads nowhere")
  elseif anchor ~= "" and not anchors[page][anchor] then complain("search: no ", anchor, " in ", page) end
  found[page], found[page .. "#" .. (title:match "([%w_]+)%(" or title:match "[%w_]+$" or "")] = true, true
end
for name, wanted in pairs(names.of(ssl, core)) do
  for each in pairs(wanted) do
    if not found["reference/" .. name .. ".html#" .. each] then complain("search: does not find ", name, ".", each) end
  end
end
for path in pairs(texts) do
  if path:find "^guides/" and not found[path] then complain("search: does not find ", path) end
end

-- ---- Markdown

-- What is no code must not hold backticks, and no underscore has made italics.
for path, text in pairs(texts) do
  local prose = text:gsub("<pre.->.-</pre>", ""):gsub("<code.->.-</code>", "")
  for line in prose:gmatch "[^\n]*`[^\n]*" do complain(path, ": a backtick: ", line:sub(1, 100)) end
  for word in (" " .. text):gmatch "[%w]<em>[^<]*</em>" do complain(path, ": italics in a word: ", word) end
end

os.exit(#complaints == 0 and 0 or 1)
