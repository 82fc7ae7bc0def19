--- What the specs ask of a Markdown page: its blocks of code with their marks,
-- its headings' anchors, its links. Fences begin at the first column.
--
-- A mark stands in a comment on the line before a block:
--
--     <!-- snippet: stays -->            a server: it goes on while what follows runs
--     <!-- snippet: needs copas -->      a module, or a field of one: needs copas.dohandshake
--     <!-- snippet: not run: REASON -->  to the end of the comment
--
-- The first two can stand in one comment, with a comma between them.
local markdown = {}

local function parse_mark(text, block)
  block.reason = text:match "^not run: (.+)$"
  if block.reason then return true end
  for word in text:gmatch "[^,]+" do
    word = word:match "^%s*(.-)%s*$"
    local needed = word:match "^needs ([%w_.]+)$"
    if needed then block.needs = needed
    elseif word == "stays" then block.stays = true
    else return false end
  end
  return true
end

--- The page's blocks in order, each `{language, code, line, stays, needs,
-- reason}`, and what is wrong with their fences and marks, a list of texts.
function markdown.blocks(text)
  local blocks, wrong = {}, {}
  local open, mark, number = nil, nil, 0
  local function complain(what) wrong[#wrong + 1] = ("line %d: %s"):format(number, what) end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    if open and line == "```" then
      open.code = table.concat(open.lines, "\n") .. "\n"
      blocks[#blocks + 1], open = open, nil
    elseif open then
      open.lines[#open.lines + 1] = line
    elseif line:find "^%s*```" then
      open = {language = line:match "^```(%l+)$", line = number, lines = {}}
      if not open.language then complain "a fence that is indented, or names no language" end
      if mark and not parse_mark(mark, open) then complain("no mark: " .. mark) end
      mark = nil
    else
      if mark then complain "a mark without its block" end
      mark = line:match "^<!%-%- snippet: (.-) %-%->$"
    end
  end
  if open or mark then complain "a block or mark that does not end" end
  return blocks, wrong
end

--- The page without its blocks of code.
function markdown.prose(text)
  local lines, inside = {}, false
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if line:find "^%s*```" then inside = not inside
    elseif not inside then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

--- The anchors of the headings, a set, as forges make them.
function markdown.anchors(text)
  local anchors, count = {}, {}
  for heading in ("\n" .. markdown.prose(text)):gmatch "\n#+ ([^\n]+)" do
    heading = heading:gsub("%[(.-)%]%(.-%)", "%1")
    local slug = heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-")
    count[slug] = (count[slug] or -1) + 1
    anchors[count[slug] == 0 and slug or slug .. "-" .. count[slug]] = true
  end
  return anchors
end

--- The targets of the links and pictures, a list.
function markdown.links(text)
  local links = {}
  local prose = markdown.prose(text):gsub("`[^`\n]*`", "code")
  for target in prose:gmatch "%]%(([^)]*)%)" do links[#links + 1] = target end
  return links
end

local function folder(path) return path:match "^(.*/)[^/]*$" or "" end

-- Without its ".." and ".".
local function normal(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then table.remove(parts)
    elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

--- The file that a link of the page at `path` leads to, and the anchor there.
function markdown.resolve(path, target)
  if target:find "^https://" then return path, "" end  -- not for us to try
  local file, anchor = target:match "^([^#]*)#?(.*)$"
  return file == "" and path or normal(folder(path) .. file), anchor
end

--- The links of the page at `path` that lead nowhere, a list. `read(path)`
-- gives a file's text, nil where there is none; "" for a folder will do.
function markdown.dead_links(path, text, read)
  local dead = {}
  for _, target in ipairs(markdown.links(text)) do
    local where, anchor = markdown.resolve(path, target)
    local found = where == path and text or read(where)
    if not found or (anchor ~= "" and not markdown.anchors(found)[anchor]) then
      dead[#dead + 1] = target
    end
  end
  return dead
end

return markdown
