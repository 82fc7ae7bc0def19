-- The site's search, doc/reference/search.js, run by Node over an index of its
-- own: what is found, and in which order. `make lint` looks at the real index.
local helpers = require "spec.support.helpers"

helpers.audit()

-- As much of a browser as the program uses. Prints the titles found, a line each.
local BROWSER = [[
const fs = require("fs"), vm = require("vm");
function element(tag) {
  const own = {tag, children: [], on: {}, hidden: false, value: "", className: ""};
  let text = "";
  own.appendChild = (child) => { own.children.push(child); };
  own.addEventListener = (name, f) => { own.on[name] = f; };
  own.getElementsByTagName = () => own.children.map((child) => child.children[0]).filter(Boolean);
  own.contains = () => true;
  own.scrollIntoView = () => {};
  Object.defineProperty(own, "textContent", {get: () => text, set: (value) => { text = value; own.children = []; }});
  return own;
}
const box = element("input"), list = element("ol"), form = element("form");
box.form = form;
const document = {
  currentScript: {getAttribute: () => "../"}, activeElement: {tagName: "BODY"}, head: element("head"),
  getElementById: (id) => id === "search" ? box : list, createElement: element, addEventListener: () => {},
};
const window = {location: {search: "", href: ""}, searchIndex: [
  ["guide", "guides/timeouts.md.html", "Timeouts", "", "What settimeout means for <b>loops</b>."],
  ["reference", "reference/SSLSocket.html#settimeout", "SSLSocket:settimeout(seconds)", "SSLSocket", "How long."],
  ["reference", "reference/ssl.html#connect", "ssl.connect(host, port)", "ssl", "Connects, within a timeout."],
]};
vm.runInNewContext(fs.readFileSync("doc/reference/search.js", "utf8"), {document, window});
box.value = process.argv[2];
box.on.input();
console.log(list.hidden ? "hidden" : list.children.map((item) =>
  item.children[0] ? item.children[0].children[0].textContent : item.textContent).join("\n"));
box.on.keydown({key: "ArrowDown", preventDefault: () => {}});
form.on.submit({preventDefault: () => {}});
console.log(window.location.href);]]

describe("the site's search", function()
  local file

  local function search(words)
    file = file or helpers.temp_file(BROWSER)
    local peer = helpers.spawn {"node", file, words}
    local status = peer:wait(30)
    if status == 127 then return nil end  -- no Node
    assert.equal(0, status, peer:output())
    return peer:output()
  end

  local function finds(expected, words)
    local found = search(words)
    if not found then return pending "Node is not here" end
    assert.equal(expected, found)
  end

  it("has names first, then headings, then text", function()
    finds("SSLSocket:settimeout(seconds)\nTimeouts\n../reference/SSLSocket.html#settimeout\n", "settimeout")
    finds("Timeouts\nSSLSocket:settimeout(seconds)\nssl.connect(host, port)\n../guides/timeouts.md.html\n", "timeout")
  end)

  it("wants all words, in any case and order", function()
    finds("ssl.connect(host, port)\n../reference/ssl.html#connect\n", "Within CONNECT")
    finds("Nothing found.\n\n", "connect nowhere")
  end)

  it("shows nothing for nothing", function() finds("hidden\n\n", "  ") end)
end)
