--- Answers of HTTP, right and wrong: what comes over the wire, how it ends, and
-- what a client makes of it.
local CRLF = "\r\n"

-- A head and what follows it.
local function answer(fields, body)
  local lines = {"HTTP/1.1 200 OK"}
  for _, field in ipairs(fields) do lines[#lines + 1] = field end
  return table.concat(lines, CRLF) .. CRLF .. CRLF .. (body or "")
end

local CHUNKED = "Transfer-Encoding: chunked"
local HUGE = ("0123456789abcdef"):rep(65536)  -- 1 MiB

local function many(count, value)
  local fields = {"Content-Length: 2"}
  for i = 1, count do fields[#fields + 1] = ("X-%d: %s"):format(i, value) end
  return fields
end

-- Each: name = {bytes, what: `body` (and `code`, `headers`), or `kind` of the
-- error, part of its `text`, and the `partial` body}. `finish`: how it ends where the
-- peer can choose; s_server always says close_notify. `method`, `options` of the
-- request; `query` for the server.
return {
  -- whole ones
  length = {answer({"Content-Length: 5"}, "hello"), body = "hello"},
  ["two chunks, extensions and a trailer"] = {
    answer({CHUNKED}, "5;a=b\r\nhello\r\n00006 ; \"x\"\r\n world\r\n0\r\nX-Late: 1\r\n\r\n"), body = "hello world",
    headers = {["x-late"] = false}},
  ["coding in capitals"] = {answer({"transfer-ENCODING: Chunked"}, "A\r\n0123456789\r\n0\r\n\r\n"),
    body = "0123456789"},
  empty = {answer({"Content-Length: 0"}), body = ""},
  ["no chunk but the last"] = {answer({CHUNKED}, "0\r\n\r\n"), body = ""},
  ["204, which has no body"] = {"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", body = "", code = 204},
  ["304 with a length"] = {"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", body = "", code = 304},
  ["HEAD with a length"] = {answer({"Content-Length: 100"}), method = "HEAD", body = ""},
  ["100, 103 and then the answer"] = {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    .. answer({"Content-Length: 2"}, "ok"), body = "ok", headers = {link = false}},
  huge = {answer({"Content-Length: " .. #HUGE}, HUGE), body = HUGE},
  ["a huge chunk"] = {answer({CHUNKED}, ("%x\r\n"):format(#HUGE) .. HUGE .. "\r\n0\r\n\r\n"), body = HUGE},
  slow = {answer({CHUNKED}, "3\r\nabc\r\n0\r\n\r\n"), body = "abc", query = "&size=1&pause=0.005"},
  ["up to close_notify"] = {answer({}, "all of it"), body = "all of it"},
  ["HTTP/1.0 up to close_notify"] = {"HTTP/1.0 200 OK\r\n\r\nall of it", body = "all of it"},
  ["no reason, no CR"] = {"HTTP/1.1 200\nContent-Length: 2\n\nok", body = "ok"},
  ["a status of its own"] = {"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", body = "", code = 799},
  ["the same length twice"] = {answer({"Content-Length: 2", "Content-Length: 2"}, "ok"), body = "ok"},
  ["folded headers"] = {answer({"X-Folded: a", "  b", "\tc  ", "Content-Length:", " 2"}, "ok"), body = "ok",
    headers = {["x-folded"] = "a b c"}},
  ["the same header several times"] = {answer({"Set-Cookie: a=1", "Content-Length: 0", "Set-Cookie: b=2"}), body = "",
    headers = {["set-cookie"] = "a=1, b=2"}},
  ["a hundred headers"] = {answer(many(100, "x"), "ok"), body = "ok"},
  ["a header of 16,000 bytes"] = {answer(many(1, ("x"):rep(16000)), "ok"), body = "ok"},
  ["NULs in the body"] = {answer({"Content-Length: 3"}, "\0a\0"), body = "\0a\0"},
  ["what follows the answer"] = {answer({"Content-Length: 2"}, "ok" .. answer({}, "smuggled")), body = "ok"},

  -- cut short
  ["a length cut by close_notify"] = {answer({"Content-Length: 10"}, "hello"), kind = "incomplete",
    text = "5 of 10 bytes came", partial = "hello"},
  ["a length cut without close_notify"] = {answer({"Content-Length: 10"}, "hello"), finish = "cut",
    kind = "incomplete", text = "5 of 10 bytes came", partial = "hello"},
  ["a length cut by a reset"] = {answer({"Content-Length: 10"}, "hello"), finish = "reset",
    kind = "incomplete", partial = "hello"},
  ["chunks cut by close_notify"] = {answer({CHUNKED}, "5\r\nhello\r\n"), kind = "incomplete",
    text = "last chunk is missing", partial = "hello"},
  ["chunks cut in one"] = {answer({CHUNKED}, "a\r\nhello"), kind = "incomplete", partial = "hello"},
  ["chunks cut without close_notify"] = {answer({CHUNKED}, "5\r\nhello\r\n"), finish = "cut",
    kind = "incomplete", partial = "hello"},
  ["chunks cut in the last line"] = {answer({CHUNKED}, "5\r\nhello\r\n0\r\n"), kind = "incomplete",
    partial = "hello"},
  ["up to an end without close_notify"] = {answer({}, "hello"), finish = "cut", kind = "incomplete",
    text = "nothing says that it has ended", partial = "hello"},
  ["up to a reset"] = {answer({}, "hello"), finish = "reset", kind = "incomplete", partial = "hello"},
  ["a head that ends"] = {"HTTP/1.1 200 OK\r\nContent-Le", kind = "incomplete", text = "ended in its header"},
  ["a status line that ends"] = {"HTTP/1.1 20", kind = "incomplete", text = "ended in its status line"},
  ["nothing at all"] = {"", kind = "incomplete", text = "before an answer came"},
  ["an end that never comes"] = {answer({"Content-Length: 10"}, "hello"), finish = "hold", options = {timeout = 0.5},
    condition = "timeout", partial = "hello"},

  -- of which nobody knows where they end
  ["two lengths"] = {answer({"Content-Length: 2", "Content-Length: 5"}, "hello"), kind = "http", text = '"2, 5"'},
  ["two lengths in one"] = {answer({"Content-Length: 5, 6"}, "hello"), kind = "http", text = "Content-Length"},
  ["length and chunked"] = {answer({"Content-Length: 5", CHUNKED}, "5\r\nhello\r\n0\r\n\r\n"), kind = "http",
    text = "both Transfer-Encoding and Content-Length"},
  ["a length below 0"] = {answer({"Content-Length: -5"}, "hello"), kind = "http"},
  ["a length with a sign"] = {answer({"Content-Length: +5"}, "hello"), kind = "http"},
  ["a length in hexadecimal"] = {answer({"Content-Length: 0x5"}, "hello"), kind = "http"},
  ["no length"] = {answer({"Content-Length: "}, "hello"), kind = "http"},
  ["a length beyond all numbers"] = {answer({"Content-Length: 9999999999999999999"}, "hello"), kind = "http"},
  ["an unknown coding"] = {answer({"Transfer-Encoding: gzip, chunked"}, "0\r\n\r\n"), kind = "http", text = "gzip"},
  ["chunked twice"] = {answer({CHUNKED, CHUNKED}, "0\r\n\r\n"), kind = "http"},
  ["chunks in HTTP/1.0"] = {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", kind = "http"},
  ["a chunk without a size"] = {answer({CHUNKED}, "\r\nhello\r\n0\r\n\r\n"), kind = "http", text = "size"},
  ["a chunk's size with a sign"] = {answer({CHUNKED}, "+5\r\nhello\r\n0\r\n\r\n"), kind = "http"},
  ["a chunk's size with 0x"] = {answer({CHUNKED}, "0x5\r\nhello\r\n0\r\n\r\n"), kind = "http"},
  ["a chunk beyond all numbers"] = {answer({CHUNKED}, "FFFFFFFFFFFFFFFF5\r\nhello"), kind = "http"},
  ["a chunk that is longer than its size"] = {answer({CHUNKED}, "5\r\nhello!\r\n0\r\n\r\n"), kind = "http",
    partial = "hello", text = "longer than it says"},
  ["a space before the colon"] = {answer({"Content-Length : 5"}, "hello"), kind = "http", text = "malformed header"},
  ["a field without a name"] = {answer({": x", "Content-Length: 5"}, "hello"), kind = "http"},
  ["a line that is no field"] = {answer({"Content-Length: 5", "hm"}, "hello"), kind = "http", text = '"hm"'},
  ["folded before the first"] = {answer({" X: y", "Content-Length: 5"}, "hello"), kind = "http"},
  ["a NUL in a header"] = {answer({"X-Nul: a\0b", "Content-Length: 2"}, "ok"), kind = "http", text = "a\\x00b"},
  ["a CR in a header"] = {answer({"X-CR: a\rSet-Cookie: b", "Content-Length: 2"}, "ok"), kind = "http"},

  -- too much
  ["too many headers"] = {answer(many(300, "x"), "ok"), kind = "limit", text = "more than 200 fields"},
  ["a huge header"] = {answer(many(1, ("x"):rep(20000)), "ok"), kind = "limit", text = "16384 bytes"},
  ["huge headers together"] = {answer(many(60, ("x"):rep(1500)), "ok"), kind = "limit", text = "65536 bytes"},
  ["a header folded for ever"] = {answer({"X-A: b" .. (CRLF .. " " .. ("x"):rep(1000)):rep(100)}, ""), kind = "limit"},
  ["a huge trailer"] = {answer({CHUNKED}, "1\r\na\r\n0\r\n" .. ("X: " .. ("x"):rep(1500) .. CRLF):rep(60)),
    kind = "limit", partial = "a"},
  ["extensions for ever"] = {answer({CHUNKED}, ("1;" .. ("x"):rep(16000) .. "\r\na\r\n"):rep(10)), kind = "limit",
    partial = "aaaa"},
  ["100 for ever"] = {("HTTP/1.1 100 Continue\r\n\r\n"):rep(100), kind = "limit"},
  ["more than max_body, announced"] = {answer({"Content-Length: 11"}, "hello world"), options = {max_body = 10},
    kind = "limit", text = "max_body", partial = ""},
  ["more than max_body, in chunks"] = {answer({CHUNKED}, "b\r\nhello world\r\n0\r\n\r\n"), options = {max_body = 10},
    kind = "limit", text = "max_body", partial = "hello worl"},
  ["as much as max_body"] = {answer({CHUNKED}, "b\r\nhello world\r\n0\r\n\r\n"), options = {max_body = 11},
    body = "hello world"},

  -- no HTTP/1
  ["HTTP/0.9"] = {"<html>hello</html>\n", kind = "http", text = "<html"},
  ["HTTP/2"] = {"HTTP/2.0 200 OK\r\n\r\n", kind = "http", text = "HTTP/2.0"},
  SSH = {"SSH-2.0-OpenSSH_9.2\r\n", kind = "http", text = "does not speak HTTP/1"},
  ["a code of letters"] = {"HTTP/1.1 OK\r\n\r\n", kind = "http", text = "status line"},
  ["a code below 100"] = {"HTTP/1.1 099 Low\r\n\r\n", kind = "http"},
  ["another protocol"] = {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", kind = "http"},
}
