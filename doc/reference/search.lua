--- `search.lua DIRECTORY` writes DIRECTORY/search-index.js: what the site's search
-- looks through. A browser loads it from a file as well; there is no server.
-- One row for each entry of the reference and each heading of a guide.
local docstrings = require "doc.reference.docstrings"

local directory = assert(arg[1], "which directory?")

local ENTITIES = {amp = "&", lt = "<", gt = ">", quot = '"', nbsp = " ", mdash = "-", ndash = "-", hellip = "..."}

-- The text of HTML, in one line.
local function plain(html)
  local text = html:gsub("<[^>]*>", " "):gsub("&(%a+);", ENTITIES):gsub("&#39;", "'")
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""):gsub(" ([.,;:)])", "%1"))
end

-- A heading's: where tags are, nothing stands between.
local function heading_of(html)
  return plain((html:gsub("<[^>]*>", "")))
end

local rows = {}

local function add(kind, url, title, page, text)
  rows[#rows + 1] = {kind, url, title, page, text}
end

local function entries(path, html, page)
  for id, body in html:gmatch '<section class="entry [^"]*" id="([^"]+)">(.-)</section>' do
    local heading, rest = body:match "<h3>(.-)</h3>(.*)$"
    local text = plain((rest:gsub('<p class="source.->.-</p>', "")))
    for code in heading:gmatch "<code[^>]*>(.-)</code>" do
      add("reference", path .. "#" .. id, heading_of(code), page, text)
    end
  end
end

-- What stands under each heading of a guide, before the next.
local function headings(path, html, page)
  html = html:match "<article>(.*)</article>" or ""
  local position = 1
  while true do
    local _, stop, id, title = html:find('<h[1-4] id="([^"]+)">(.-)</h[1-4]>', position)
    if not stop then break end
    local following = html:find('<h[1-4] id="', stop, false) or #html + 1
    local is_first = position == 1
    title = heading_of(title)
    add("guide", is_first and path or path .. "#" .. id, title, is_first and "" or page,
      plain(html:sub(stop + 1, following - 1)))
    position = following
  end
end

local function title_of(html)
  return heading_of(html:match "<title>(.-) %- [^<]*</title>" or "")
end

local function read(folder, take)
  local pipe = assert(io.popen(("cd '%s' && LC_ALL=C ls %s/*.html"):format(directory, folder)))
  for path in pipe:lines() do
    local html = docstrings.read_file(directory .. "/" .. path)
    take(path, html, title_of(html))
  end
  pipe:close()
end

read("reference", entries)
read("guides", headings)

local function quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("%c", " "):gsub("</", "<\\/") .. '"'
end

local lines = {}
for i, row in ipairs(rows) do
  for j, field in ipairs(row) do row[j] = quote(field) end
  lines[i] = "[" .. table.concat(row, ",") .. "]"
end
local file = assert(io.open(directory .. "/search-index.js", "w"))
assert(file:write("var searchIndex = [\n", table.concat(lines, ",\n"), "\n];\n"))
assert(file:close())
