-- What `make release-check` says of trees that are ready and of others.
local helpers = require "spec.support.helpers"

helpers.audit()

local with_git = helpers.spawn({"sh", "-c", "command -v git"}):wait() == 0 and it or pending

-- A repository with the script, a CHANGELOG that begins so and a SECURITY.md.
local function tree(heading, security)
  local directory = helpers.temp_name()
  local setup = helpers.spawn {"sh", "-c", [[
    mkdir -p "$1/.ci" && cp .ci/release-check "$1/.ci" && cd "$1"
    printf '# Changes\n\n## %s\n\n## 0.0.9 (2020-01-01)\n' "$2" >CHANGELOG.md
    echo "$3" >SECURITY.md
    git init -q . && git add -A && git -c user.name=x -c user.email=x@x.example commit -q -m x
  ]], "sh", directory, heading, security or "Security"}
  assert.equal(0, setup:wait(), setup:output())
  return directory
end

local function check(directory, change)
  local program = helpers.spawn {"sh", "-c", 'cd "$1" && sh -c "$2" && sh .ci/release-check 0.1.0', "sh", directory,
    change or ":"}
  return program:wait(), program:output()
end

describe("make release-check", function()
  with_git("says how a tree that is ready is tagged", function()
    local status, text = check(tree "0.1.0 (2026-01-31)")
    assert.equal(0, status, text)
    assert.truthy(text:find('git tag -a v0.1.0 -m "LuaSSL 0.1.0"', 1, true))
  end)

  for name, case in pairs {
    ["a CHANGELOG without a date"] = {"0.1.0 (unreleased)", "no date"},
    ["a date to come"] = {"0.1.0 (2999-01-31)", "still to come"},
    ["a CHANGELOG of another version"] = {"0.0.9 (2026-01-31)", "begins with 0.0.9"},
    ["a SECURITY.md of before"] = {"0.1.0 (2026-01-31)", "no release yet", "There is no release yet."},
    ["changes that are not committed"] = {"0.1.0 (2026-01-31)", "not committed", nil, "echo >>CHANGELOG.md"},
    ["a tag that is there"] = {"0.1.0 (2026-01-31)", "a tag v0.1.0 already", nil, "git tag v0.1.0"},
  } do
    with_git("names " .. name, function()
      local status, text = check(tree(case[1], case[3]), case[4])
      assert.equal(1, status)
      assert.truthy(text:find(case[2], 1, true), text)
    end)
  end
end)
