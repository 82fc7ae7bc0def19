--- Writes what LDoc reads: a file for each page of the reference, and doc/*.md
-- with links that hold there. `pages.lua DIRECTORY`; see config.ld.
local docstrings = require "doc.reference.docstrings"
local options = require "doc.reference.options"

local directory = assert(arg[1], "which directory?")
local tag = docstrings.tag

-- The Markdown pages: LDoc names theirs after the file, without its folder.
local TOPICS = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
local list = assert(io.popen "LC_ALL=C ls doc/*.md")
for path in list:lines() do TOPICS[#TOPICS + 1] = path end
list:close()

local pages, docs = docstrings.read()
local described = options.read(docs, function(name) error("option " .. name .. " has no docstring", 0) end)

local function write(name, text)
  local file = assert(io.open(directory .. "/" .. name, "w"))
  assert(file:write(text))
  assert(file:close())
end

-- ---- links

local function is_hook(name)
  return pages.Hooks.entries[name] ~= nil
end

-- Where a name leads, seen from a page of the reference; nil: nowhere.
local function target(name, page)
  local guide = name:match "^doc/([%w_-]+%.md)$"
  if guide then return "../guides/" .. guide .. ".html" end
  name = name:gsub("%(%)$", "")
  if pages[name] then return name .. ".html" end
  local other, member = name:match "^(%u%w+)[:.]([%w_]+)$"
  local module = name:match "^ssl%." or name:match "^https%."
  if module then other, member = module:sub(1, -2), name:match "%.([%w_]+)$" end
  if other then
    local found = member and pages[other] and pages[other].entries[member]
    return found and ("%s.html#%s"):format(other, member)
  end
  if page and page.entries[name] then return "#" .. name end
  if is_hook(name) then return "Hooks.html#" .. name end
  if described[name] then return "SSLContext.html#" .. name end
  return pages.ssl.entries[name] and "ssl.html#" .. name
end

-- The text with its code spans made links where they name something else than
-- `own`. Each is made by `make(code, url)`.
local function link(text, page, own, make)
  return (text:gsub("`([^`]+)`", function(code)
    code = code:gsub("%s*\n%s*", " ")
    local url = code ~= own and target(code, page)
    if url == "#" .. tostring(own) or page and url == page.name .. ".html" then url = nil end
    return make(code, url or nil)
  end))
end

local function as_markdown(code, url)
  return url and ("[`%s`](%s)"):format(code, url) or "`" .. code .. "`"
end

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;"}
local function escape(text)
  return (text:gsub('[&<>"]', ESCAPES))
end

local function as_html(code, url)
  return url and ('<a href="%s"><code>%s</code></a>'):format(url, code) or "<code>" .. code .. "</code>"
end

local function html(text, page, own)
  return link(escape(text:gsub("\n", " ")), page, own, as_html)
end

-- ---- tables of options, as HTML in one line

local function type_html(option)
  local url = pages[option.type] and option.type .. ".html"
  return url and ('<a href="%s">%s</a>'):format(url, option.type) or escape(option.type)
end

local function option_row(option, page, kind)
  local default = option.defaults[kind] or option.defaults.plain
  local name = ('<a href="SSLContext.html#%s"><code>%s</code></a>'):format(option.name, option.name)
  return ("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>"):format(name, type_html(option),
    html(default, page), option.side, html(option.summary, page))
end

local function option_table(kind, page)
  local rows = {}
  for i, option in ipairs(options.select(described, kind)) do rows[i] = option_row(option, page, kind) end
  return '<div class="scroll"><table class="options"><thead><tr><th>option</th><th>type</th><th>default</th>'
    .. "<th>side</th><th>description</th></tr></thead><tbody>" .. table.concat(rows) .. "</tbody></table></div>"
end

-- ---- one entry, as a comment that LDoc reads

local function comment(lines, text)
  local first = #lines == 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = ((first and "--- " or "-- ") .. line):gsub("%s+$", "")
    first = false
  end
end

-- As they are in LDoc; `usage` is code, in which nothing is a link.
local PASSED = {tparam = true, treturn = true, tfield = true, raise = true, source = true}

-- A type and what is said of it: of the latter alone the names are links.
local function passed(t, page, own)
  if t[1] == "raise" or t[1] == "source" then return link(t[2], page, own, as_markdown) end
  local kind, rest = t[2]:match "^(%S+)(.*)$"
  return kind .. link(rest or "", page, own, as_markdown)
end

local function entry(block, page, group, first)
  local lines = {}
  comment(lines, link(block.text, page, block.name, as_markdown))
  comment(lines, ("@%s %s"):format(block.type, block.name))
  comment(lines, "@group " .. group.title)
  if first and group.text then comment(lines, "@grouptext " .. link(group.text, page, nil, as_markdown)) end
  if block.value then comment(lines, "@valuetype " .. block.value) end
  for _, t in ipairs(block.tags) do
    if PASSED[t[1]] then comment(lines, ("@%s%s %s"):format(t[1], t[3], passed(t, page, block.name)))
    elseif t[1] == "usage" then comment(lines, "@usage\n" .. t[2])
    elseif t[1] == "also" then comment(lines, "@also " .. t[2])
    elseif t[1] == "options" then comment(lines, "@optiontable " .. option_table(t[2], page)) end
  end
  comment(lines, "@since " .. docstrings.since(block))
  return table.concat(lines, "\n") .. "\n"
end

local function option_entry(option, page, title, text)
  local lines = {}
  comment(lines, link(option.text, page, option.name, as_markdown))
  comment(lines, "@option " .. option.name)
  comment(lines, "@group " .. title)
  if text then comment(lines, "@grouptext " .. text) end
  comment(lines, "@valuetype " .. type_html(option))
  comment(lines, "@default " .. link(option.defaults.text, page, option.name, as_markdown))
  comment(lines, "@side " .. option.side)
  for _, t in ipairs(option.block.tags) do
    if t[1] == "usage" then comment(lines, "@usage\n" .. t[2])
    elseif t[1] == "source" then comment(lines, "@source " .. t[2]) end
  end
  comment(lines, "@since " .. docstrings.since(option.block))
  return table.concat(lines, "\n") .. "\n"
end

-- All options, each where its link leads, in three parts.
local function option_entries(page, parts)
  local context, connection, others = {}, {}, {}
  for _, option in ipairs(described) do
    local row = option.row
    table.insert(row.context and context or options.is_of_connection(row) and connection or others, option)
  end
  local function part(title, members, text, kind)
    text = html(text, page) .. (kind and option_table(kind, page) or "")
    for i, option in ipairs(members) do
      parts[#parts + 1] = option_entry(option, page, title, i == 1 and text or nil)
    end
  end
  part("Options of a context", context, "What `ssl.SSLContext`, `ssl.create_default_context`, `set` and `get` take, and"
    .. " without a context `ssl.connect` and `ssl.wrap_socket`.", "context")
  part("Options of a connection", connection, "What `wrap_socket` and `wrap_object` take, `ssl.connect` and"
    .. " `ssl.wrap_socket` too. Some are a context's as well: a connection that does not name them has what its context"
    .. " has.", "connection")
  part("Other options", others, "What other functions take: each says which.")
end

local function write_page(page)
  local parts, lines = {}, {}
  local intro = page.intro or error("page " .. page.name .. " has no introduction", 0)
  comment(lines, link(intro.text, page, page.name, as_markdown))
  comment(lines, "@module " .. page.name)
  if tag(intro, "usage") then comment(lines, "@usage\n" .. tag(intro, "usage")) end
  parts[1] = table.concat(lines, "\n") .. "\n"
  for _, group in ipairs(page.groups) do
    for i, block in ipairs(group.entries) do parts[#parts + 1] = entry(block, page, group, i == 1) end
  end
  if page.name == "SSLContext" then option_entries(page, parts) end
  write(page.name .. ".lua", table.concat(parts, "\n"))
end

-- ---- Markdown

local topics = {}
for _, path in ipairs(TOPICS) do topics[path] = path:match "[^/]+$" end

-- A link of a file in the tree, as it holds in the rendered page: to another
-- page, to an example, or gone, when what it names is not rendered.
local function relative(path, from)
  local folder = from:match "^(.*/)" or ""
  path = folder .. path
  repeat
    local count
    path, count = path:gsub("[^/]+/%.%./", "", 1)
  until count == 0
  return path
end

local function rewrite_links(text, from)
  return (text:gsub("(%[[^%]\n]*%])(%b())", function(label, url)
    url = url:sub(2, -2)
    if url:find "^%a+:" or url:find "^#" then return nil end
    local path, fragment = url:match "^([^#]*)(#?.*)$"
    path = relative(path, from)
    if topics[path] then return ("%s(%s.html%s)"):format(label, topics[path], fragment) end
    if path:find "^examples/[^/]+%.lua$" then
      return ("%s(../examples/%s.html)"):format(label, path:match "[^/]+$")
    end
    return label:sub(2, -2)
  end))
end

-- Names that cannot mean anything else lead to the reference: `ssl.connect`,
-- `SSLContext:set`; in the table of options these too.
local function name_links(line, from)
  return (line:gsub("([%[]?)`([^`]+)`", function(bracket, code)
    local plain = code:gsub("%b()$", "")
    local whole = pages[plain] and plain:find "^%u" or plain:find "^ssl%." or plain:find "^https%."
      or plain:find "^%u%w+:[%w_]+$"
    local url = bracket == "" and (whole or described[plain] and from == "doc/options.md") and target(plain)
    return url and ("[`%s`](../reference/%s)"):format(code, url) or nil
  end))
end

-- Code of another language than Lua is to stay as it is: LDoc knows none.
local function rewrite(text, from)
  local lines, fence = {}, nil
  for line in text:gmatch "([^\n]*)\n" do
    local language = line:match "^```(.*)$"
    if language and not fence then
      fence = language
      if fence ~= "lua" then line = "\n<!-- -->\n\n    @plain" end  -- else it would go on a block before it
    elseif language then
      if fence ~= "lua" then line = "" end
      fence = nil
    elseif fence and fence ~= "lua" then line = "    " .. line
    elseif not fence and line:find "^# " then line = line:gsub("`", "")  -- it becomes a title, which has no code
    elseif not fence then line = name_links(rewrite_links(line, from), from) end
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n") .. "\n"
end

for _, page in ipairs(pages) do write_page(page) end
for path, name in pairs(topics) do write(name, rewrite(docstrings.read_file(path), path)) end
