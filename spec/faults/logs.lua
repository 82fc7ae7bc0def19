--- Faults in options keylog and trace: log.c, log_lines.c, trace.c, files.c.
local list = {}

local function fault(name, file, from, to, specs)
  list[#list + 1] = {name = name, file = "src/" .. file, from = from, to = to, specs = specs or "keylog"}
end

fault("a key log is for everybody", "base/files.c", "O_NONBLOCK, S_IRUSR | S_IWUSR);", "O_NONBLOCK, 0644);")
fault("a key log begins anew each time", "base/files.c", "O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC",
  "O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC")
fault("a line is lost in silence", "connection/log_lines.c", "  c->log_error = error;\n", "")
fault("a program with the rights of others heeds SSLKEYLOGFILE", "base/environment.c",
  "return secure_getenv(name);", "return getenv(name);")
fault("SSLKEYLOGFILE is heeded unasked", "context/log.c",
  "  const char *file = text != NULL ? find_file(name, text) : NULL;",
  "  const char *file = find_file(name, text != NULL ? text : ENVIRONMENT);")
fault("a key log's file moves with the process", "context/log.c",
  "error = files_real(file, (*log)->file);", "strcpy((*log)->file, file);")
fault("lines for a function wait behind hooks", "connection/method_prologue.c",
  "  else if (c->lines != NULL || c->log_error",
  "  else if ((c->lines != NULL && c->established) || c->log_error")
fault("a key log's failure lets the connection live", "connection/method_prologue.c",
  "  outcome_keep_failure(L, c);", "")
fault("what raises takes the lines behind it away", "connection/log_lines.c",
  "    if (q->raised++) lua_pop(L, 1);", "    q->told = q->size;\n    if (q->raised++) lua_pop(L, 1);")
fault("what a function raises is a condition", "connection/log_lines.c",
  "  if (text != NULL && i == sizeof(conditions) / sizeof(text)",
  "  if (text != NULL && i <= sizeof(conditions) / sizeof(text)")
fault("a trace has the bytes of messages", "connection/trace.c",
  [[
    snprintf(what, sizeof(what), "%s %s, %lu bytes", direction,
             name_of(p, size), (unsigned long)size);]], [[
    snprintf(what, sizeof(what), "%s %s, %lu bytes %02x%02x%02x%02x%02x%02x%02x%02x", direction,
             name_of(p, size), (unsigned long)size, p[0], p[1], p[2], p[size / 2],
             p[size - 4], p[size - 3], p[size - 2], p[size - 1]);]])
fault("a retry is told as a ServerHello", "connection/trace.c",
  [[  if (is_retry(bytes, size)) return "HelloRetryRequest";]], [[  (void)is_retry;]])
fault("a trace ends with the handshake", "connection/limits.c",
  "c->policy->trace != NULL ?", "c->policy->trace == NULL ?")

return list
