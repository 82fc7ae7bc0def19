--- Reads the docstrings of src/ and lua/ and sorts them into pages.
--
-- A docstring stands where what it describes is written, `/***` in C and `---`
-- in Lua, in LDoc's form. Of its tags these are ours:
--
--   @page NAME...     the pages on which it stands. In a docstring that names
--                     nothing else, the head of a file, it is said for the whole
--                     file. `@classmod NAME` and `@module luassl` say it too;
--                     their text, if they have any, introduces the page
--   @group TITLE      the heading under which it stands, one of those below, the
--                     first where none is said; for a file likewise, whose head's
--                     text then introduces the group
--   @also NAME...     further names of the same function
--   @constant NAME TYPE   a value; in a table of Lua the name is the code's
--   @options KIND     a table of options belongs here: options.lua
--   @default TEXT     of an option: what holds without it, where its row in
--                     src/context/option_table.c does not say so; @default[KIND]
--                     where functions differ: options.lua
--   @since VERSION    the release that had it first, where that is not the first
--
-- The docstring of an option stands above its row. `@module luassl.x` marks the
-- docstrings of a file as internal, `@local` a single one.
local docstrings = {}

-- The pages in their order, and the headings of each.
local PAGES = {
  {name = "ssl", "Connections", "Contexts", "Certificates and random numbers", "What is asked of a certificate",
    "Protocols", "Answers of hooks", "Versions and features", "Error classes"},
  {name = "SSLContext", "Methods"},
  {name = "SSLSocket", "Connecting", "Handshake", "Reading and writing", "Early data", "Waiting", "What is known",
    "Ending", "The socket"},
  {name = "SSLObject", "Ciphertext", "Handshake", "Reading and writing", "Early data", "Waiting", "What is known",
    "Ending"},
  {name = "SSLStream", "Handshake", "Reading and writing", "Waiting", "What is known", "Ending"},
  {name = "Certificate", "What it holds", "Names", "Times", "Key and signature", "Extensions", "Forms"},
  {name = "SSLSession", "Methods"},
  {name = "SSLError", "Methods", "Fields and kinds"},
  {name = "https", "Requests"},
  {name = "HTTPSClient", "Methods"},
  {name = "Hooks", "Hooks"},
}

local TYPES = {["function"] = true, constant = true, table = true}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function paths()
  local pipe = assert(io.popen "LC_ALL=C ls src/*.c src/*/*.c lua/luassl/*.lua")
  local list = {}
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- A docstring's text and its tags in order, each `{name, text, modifier}`.
local function parse(text)
  local block = {tags = {}}
  local lines, current = {}, nil
  local function finish()
    local whole = table.concat(lines, "\n"):gsub("^\n+", ""):gsub("%s+$", "")
    if current then current[2] = current[1] == "usage" and whole or trim(whole) else block.text = whole end
  end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local name, modifier, rest = line:match "^%s*@(%l+)(%b[])(.*)$"
    if not name then name, rest = line:match "^%s*@(%l+)(.*)$" end
    if name then
      finish()
      current, lines = {name, nil, modifier or ""}, {trim(rest)}
      block.tags[#block.tags + 1] = current
    else
      lines[#lines + 1] = line
    end
  end
  finish()
  return block
end

function docstrings.tag(block, name)
  for _, t in ipairs(block.tags) do
    if t[1] == name and not (name == "default" and t[3] ~= "") then return t[2] end
  end
end

local tag = docstrings.tag

--- The release that had it first.
docstrings.first_release = "0.1.0"

function docstrings.since(block)
  return tag(block, "since") or docstrings.first_release
end

local function line_of(text, position)
  local _, count = text:sub(1, position):gsub("\n", "")
  return count + 1
end

local function c_blocks(source, found)
  for position, indent, text, after in source:gmatch "()( *)/%*%*%*\n(.-)%*/()" do
    found(("\n" .. text):gsub("\n" .. indent, "\n"), position, source:sub(after))
  end
end

local function lua_blocks(source, found)
  local lines, first, position = nil, nil, 1
  for line, after in source:gmatch "([^\n]*)\n()" do
    local opening = line:match "^%s*%-%-%-%s?(.*)$"
    local going = lines and line:match "^%s*%-%-%s?(.*)$"
    if going and not opening then lines[#lines + 1] = going
    else
      if lines then found(table.concat(lines, "\n"), first, source:sub(position)) end
      lines, first = opening and {opening} or nil, position
    end
    position = after
  end
end

local function words(text)
  local list = {}
  for word in (text or ""):gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- What a field of a table says behind it: `alert = "alert", -- text`.
local function fields_of(code)
  local fields = {}
  for name, text in code:match "^[^\n]*{\n(.-)\n}":gmatch "  ([%w_]+) = [^\n]-,%s*%-%- ([^\n]+)" do
    fields[#fields + 1] = {"tfield", "string " .. name .. " " .. text, ""}
  end
  return fields
end

local function name_entry(block, code)
  for _, t in ipairs(block.tags) do
    if TYPES[t[1]] then
      block.type, block.name = t[1], t[2]:match "^%S+"
      block.value = t[2]:match "^%S+%s+(.+)$"
    end
  end
  if not block.type then
    block.name = code:match "^%s*([%a_][%w_]*) = [^\n]*,"
    block.type, block.value = "constant", "integer"
  end
  if block.type == "table" and not tag(block, "tfield") then
    for _, field in ipairs(fields_of(code)) do block.tags[#block.tags + 1] = field end
  end
end

local function where(block)
  return ("%s:%d"):format(block.file, block.line)
end

local function make_pages()
  local pages = {}
  for i, known in ipairs(PAGES) do
    local page = {name = known.name, groups = {}, entries = {}}
    for j, title in ipairs(known) do page.groups[j] = {title = title, entries = {}} end
    pages[i], pages[known.name] = page, page
  end
  return pages
end

local function find_group(page, title)
  if not title then return page.groups[1] end
  for _, group in ipairs(page.groups) do
    if group.title == title then return group end
  end
end

local function find_page(pages, name, block)
  return pages[name] or error(("%s: there is no page %s (of methods of two: @page SSLSocket SSLObject)")
    :format(where(block), name), 0)
end

local function put(pages, name, block)
  local page = find_page(pages, name, block)
  local group = find_group(page, block.group)
  if not group then
    error(("%s: page %s has no group %q"):format(where(block), name, tostring(block.group)), 0)
  end
  group.entries[#group.entries + 1] = block
  local names = words(tag(block, "also"))
  table.insert(names, 1, block.name)
  for _, each in ipairs(names) do
    if page.entries[each] then error(("%s: %s is there twice"):format(where(block), each), 0) end
    page.entries[each] = block
  end
end

-- What stands below the heading, before the entries.
local function introduce(pages, names, title, block)
  for _, name in ipairs(names) do
    local group = pages[name] and find_group(pages[name], title)
    if not group then error(("%s: no group %q on page %s"):format(where(block), tostring(title), name), 0) end
    group.text = block.text
  end
end

-- Sorts one docstring of a file in; `file` is what was said for the whole file.
local function sort(pages, options, block, code, file)
  local row = block.file:find "option_table%.c$" and code:match '^%s*{"([%w_]+)"'
  local head = tag(block, "classmod") or tag(block, "module")
  if row then options[row] = block
  elseif head and head:find "^luassl%." then file.pages = {}
  elseif head then
    if head == "luassl" then head = "ssl" end
    local page = find_page(pages, head, block)
    file.pages, file.group = {head}, tag(block, "group")
    if block.text ~= "" then
      if page.intro then error(("%s: page %s has two introductions"):format(where(block), head), 0) end
      page.intro = block
    end
  else
    name_entry(block, code)
    local own = tag(block, "page") and words(tag(block, "page"))
    if not block.name then
      file.pages, file.group = own or file.pages, tag(block, "group")
      if own and block.text ~= "" then introduce(pages, own, file.group, block) end
      return
    end
    block.group = tag(block, "group") or file.group
    if tag(block, "local") then return end
    for _, name in ipairs(own or file.pages or error(where(block) .. ": it is on no page", 0)) do
      put(pages, name, block)
    end
  end
end

--- All of them.
-- @treturn table the pages, a list and by name: `{name=, intro=, groups={
-- {title=, entries={}}, ...}, entries={NAME=entry}}`; an entry is `{name=, type=,
-- text=, tags={{name, text, modifier}, ...}, file=, line=}`
-- @treturn table the options' docstrings by name
function docstrings.read()
  local pages, options = make_pages(), {}
  for _, path in ipairs(paths()) do
    local source, file = read(path), {}
    local blocks = path:find "%.c$" and c_blocks or lua_blocks
    blocks(source, function(text, position, code)
      local block = parse(text)
      block.file, block.line = path, line_of(source, position)
      sort(pages, options, block, code, file)
    end)
  end
  for _, page in ipairs(pages) do
    for _, group in ipairs(page.groups) do
      table.sort(group.entries, function(a, b) return a.name < b.name end)
    end
  end
  return pages, options
end

docstrings.read_file, docstrings.words = read, words

return docstrings
