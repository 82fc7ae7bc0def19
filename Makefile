# LuaSSL: TLS for Lua. `make help` prints this text.
#
#   make              builds for Lua 5.4, in build/5.4
#   make demo         talks TLS to a server, and with curl, before your eyes
#   make test         all specs; a part: SPECS=spec/x509 ARGS=--filter=name
#   make install      into PREFIX; `make uninstall` removes that again
#   make install-command  the command luassl and its manual page, into PREFIX
#   make doc          the reference, in build/doc, and annotations for editors
#                     in build/luacats (make install-luacats: below PREFIX)
#   make dist         tarball, rocks and Debian packages in build/dist, installed
#                     in an empty Debian (SUITE=trixie: in that one) as root
#   make deb          the Debian source package and what it builds, in build/deb
#   make clean        removes what was built
#   make deps         the Debian packages for all of the above and below
#   make lint rocks sanitize oom leaks growth programs faults interop bench
#        elsewhere    for developers: CONTRIBUTING.md
#
#   LUA=5.4           or 5.5 5.3 5.2 5.1 jit; each has a directory of its own
#   PREFIX=/usr/local, DESTDIR=, INST_LUADIR=, INST_LIBDIR=: where to install
#   CC=cc, CFLAGS=-O2 -g, LDFLAGS=, INTERPRETER=lua5.4
#   OPENSSL_DIR=      with include and lib in it \ pkg-config is asked
#   LUA_INCDIR=       where lua.h is             / where these are not given
#   LUA_PC=lua5.4     what pkg-config calls Lua
#   DEPS=:            installs nothing: on Debian and its kin demo, test and
#                     others install what they miss, as root or through sudo
#   V=1               shows the commands; of the tests each file and its time

LUA = 5.4
LUAS = 5.5 5.4 5.3 5.2 5.1 jit
ifneq ($(words $(LUA)) $(filter $(LUA),$(LUAS)),1 $(LUA))
$(error LUA is one of $(LUAS))
endif

# The one place that says it.
RELEASE = $(shell sed -n 's/.*_VERSION = "LuaSSL \(.*\)".*/\1/p' \
  lua/luassl/init.lua)
BUILD = build/$(LUA)
SPECS = spec
PREFIX = /usr/local
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
DEPS = sh .ci/deps
INST_LUADIR = $(PREFIX)/share/lua/$(ABI)
INST_LIBDIR = $(PREFIX)/lib/lua/$(ABI)

ifeq ($(LUA),jit)
INTERPRETER = luajit
ABI = 5.1
else
INTERPRETER = lua$(LUA)
ABI = $(LUA)
endif

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
  -Wmissing-prototypes
STANDARD = -std=c99 -D_POSIX_C_SOURCE=200809L
# Asked for late: `make deps` may have installed them a moment ago.
LUA_PC = $(if $(filter jit,$(LUA)),luajit,lua$(LUA))
LUA_CFLAGS = $(if $(LUA_INCDIR),-I"$(LUA_INCDIR)",$(shell \
  $(PKG_CONFIG) --cflags $(LUA_PC)))
# Of programs that have a Lua in them, for the specs.
LUA_LIBS = $(if $(LUA_INCDIR),-l$(LUA_PC:luajit=luajit-5.1),$(shell \
  $(PKG_CONFIG) --libs $(LUA_PC)))
OPENSSL_CFLAGS = $(if $(OPENSSL_DIR),-I"$(OPENSSL_DIR)/include",$(shell \
  $(PKG_CONFIG) --cflags openssl))
OPENSSL_LIBS = $(if $(OPENSSL_DIR),$(foreach lib,lib lib64,\
  -L"$(OPENSSL_DIR)/$(lib)" -Wl$(,)-rpath$(,)"$(OPENSSL_DIR)/$(lib)") \
  -lssl -lcrypto,$(shell $(PKG_CONFIG) --libs openssl))
, := ,
COMPILE = $(CC) -Isrc $(STANDARD) $(WARNINGS) $(OPENSSL_CFLAGS) $(LUA_CFLAGS) \
  $(CPPFLAGS) $(CFLAGS) -fPIC

MODULE = $(BUILD)/luassl/core.so
SOURCES = $(sort $(wildcard src/*.c src/*/*.c))
OBJECTS = $(SOURCES:src/%.c=$(BUILD)/%.o)
# Only the specs use these.
WITNESSES = $(BUILD)/luassl_audit.so $(BUILD)/luassl_process.so \
  $(BUILD)/luassl_inject.so $(BUILD)/luassl_posix.so \
  $(BUILD)/luassl_matcher.so $(BUILD)/states \
  $(BUILD)/flood $(BUILD)/stapler \
  $(if $(filter 5.4,$(LUA)),$(BUILD)/oom)
BENCH_PROGRAMS = $(BUILD)/bench/peer $(BUILD)/bench/subject
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all

# The chosen Lua sees this tree before anything that is installed.
export LUA_PATH = $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/bin/lua/?.lua;$(CURDIR)/bin/lua/?/init.lua;$(CURDIR)/?.lua;;
export LUA_CPATH = $(abspath $(BUILD))/?.so;;
export LUASSL_BUILD = $(abspath $(BUILD))
unexport LUA_INIT LUA_INIT_5_2 LUA_INIT_5_3 LUA_INIT_5_4 LUA_INIT_5_5
unexport LUA_PATH_5_2 LUA_PATH_5_3 LUA_PATH_5_4 LUA_PATH_5_5
unexport LUA_CPATH_5_2 LUA_CPATH_5_3 LUA_CPATH_5_4 LUA_CPATH_5_5
AGAIN = @$(MAKE) --no-print-directory
# V=1 shows the commands, and of the tests each file and its time.
SAY = $(if $(V),@:,@echo)
Q = $(if $(V),,@)

.PHONY: all clean demo deps doc dynamic faults growth help install \
  install-command install-luacats \
  interop interop-small leaks lint oom programs sanitize sanitize-programs \
  sanitize-suite test test-core test-deps test-system uninstall \
  watched-sanitize-programs watched-sanitize-suite witnesses
.DELETE_ON_ERROR:

all: $(MODULE)
	@:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# Once, before anything is compiled: is everything there?
$(OBJECTS) $(WITNESSES) $(BENCH_PROGRAMS): | $(BUILD)/toolchain
$(BUILD)/toolchain:
	@mkdir -p $(@D)
	@CC="$(CC)" PKG_CONFIG="$(PKG_CONFIG)" LUA_PC="$(LUA_PC)" \
	  LUA_INCDIR="$(LUA_INCDIR)" OPENSSL_DIR="$(OPENSSL_DIR)" \
	  sh .ci/toolchain $(LUA) $(ABI)
	@touch $@

$(MODULE): $(OBJECTS)
	@mkdir -p $(@D)
	$(SAY) $@
	$(Q)$(CC) -shared $(CFLAGS) $(LDFLAGS) -o $@ $^ $(OPENSSL_LIBS)

$(BUILD)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) $@
	$(Q)$(COMPILE) -fvisibility=hidden -MMD -MP -c -o $@ $<

# Resident: OpenSSL calls back into the audit until the process ends.
$(BUILD)/luassl_%.so: spec/support/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) $@
	$(Q)$(COMPILE) -shared -Wl,-z,nodelete $(LDFLAGS) -o $@ $< $(OPENSSL_LIBS)

# Hosts of their own: one chooses Lua's allocator, one has several states. And
# hostile peers.
$(BUILD)/flood $(BUILD)/oom $(BUILD)/stapler $(BUILD)/states: $(BUILD)/%: \
  spec/support/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) $@
	$(Q)$(COMPILE) -pthread $(LDFLAGS) -o $@ $< $(OPENSSL_LIBS) \
	  $(LUA_LIBS) -lm -ldl

witnesses: $(WITNESSES)
	@:

-include $(OBJECTS:.o=.d)

deps:
	@$(DEPS) all $(LUA)

demo:
	@$(DEPS) demo $(LUA)
	$(AGAIN) all
	@sh examples/demo.sh $(INTERPRETER)

test-deps:
	@$(DEPS) test $(LUA)

test: test-deps
	$(AGAIN) all witnesses
	@sh spec/support/run.sh $(INTERPRETER) spec/support/run.lua $(ARGS) $(SPECS)

# What depends on the Lua: the C module's calls, and the Lua files. The rest is
# the same on each.
CORE = base/oom base/registry x509/certificate x509/pem_der \
  context/configuration_errors context/context context/options \
  context/options_misuse context/protocol_versions context/server_names \
  context/session connection/connection connection/context_switch \
  connection/early_data connection/fast_path connection/handshake \
  connection/hooks connection/hooks_abandoned connection/hooks_answers \
  connection/hooks_choice connection/hooks_dead_coroutines \
  connection/hooks_errors \
  connection/hooks_yield connection/key_update connection/lifetime \
  connection/on_verify_without_async connection/partial_send \
  connection/post_handshake_auth connection/psk \
  connection/record_boundaries connection/reentrancy connection/unwrap \
  carrier/accept carrier/close carrier/luasocket_differences \
  carrier/luasocket_equivalence carrier/luasocket_takeover carrier/stream \
  carrier/unix_socket luasec/luasec_connection lua/absurd_arguments lua/error_strings lua/errors \
  lua/http_connect lua/http_response lua/https lua/https_client \
  lua/https_coroutines lua/https_proxy lua/lines lua/misuse lua/poll \
  lua/send_file lua/without_luasocket \
  lua/wrap_socket cli/inspect \
  reference/reference project/smoke
# LuaJIT is what hosts have.
HOSTS = $(if $(filter jit,$(LUA)),peers/copas peers/cqueues \
  peers/https_hosts peers/luv peers/nginx_lua)
test-core:
	$(AGAIN) test LUASSL_SPARSE=2 SPECS="$(patsubst %,spec/%_spec.lua,$(CORE) $(HOSTS))"

# What depends on OpenSSL and on the system's peers and hosts.
SYSTEM = base connection context peers reference x509 \
  $(addprefix carrier/,$(addsuffix _spec.lua,accept close linger starttls)) \
  $(addprefix lua/,$(addsuffix _spec.lua,https ssl_connect wrap_socket)) \
  project/smoke_spec.lua
test-system:
	$(AGAIN) test LUASSL_SPARSE=2 SPECS="$(SYSTEM:%=spec/%)"

# The table of peers; `make interop` also writes it into doc/peers.md.
interop:
	@$(DEPS) interop-all $(LUA)
	$(AGAIN) all witnesses
	@sh spec/support/run.sh $(INTERPRETER) spec/interop/run.lua all write

interop-small:
	@$(DEPS) interop $(LUA)
	$(AGAIN) all witnesses
	@sh spec/support/run.sh $(INTERPRETER) spec/interop/run.lua

# Good and bad certificates through our eyes and others': doc/badcerts.md.
.PHONY: badcerts
badcerts:
	@$(DEPS) badcerts $(LUA)
	$(AGAIN) all witnesses
	@sh spec/support/run.sh $(INTERPRETER) spec/badcerts/run.lua

# Faults planted in copies of the tree: does the suite notice? FAULTS= names
# files of spec/faults or patterns of faults; all take a quarter of an hour.
faults:
	@$(DEPS) test $(LUA)
	$(AGAIN) all witnesses
	@$(INTERPRETER) spec/faults/run.lua $(FAULTS)

# AddressSanitizer is no part of Lua: it has to be there before Lua starts.
# What leaks is valgrind's to say, which knows how Lua ends.
sanitize: sanitize-suite sanitize-programs
	$(AGAIN) programs SEEDS=81-200
	$(AGAIN) leaks $(if $(filter 5.4,$(LUA)),oom)

sanitize-suite sanitize-programs:
	@$(DEPS) sanitize $(LUA)
	$(AGAIN) BUILD=$(BUILD)-sanitize CC=gcc LDFLAGS="$(SANITIZERS)" \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer $(SANITIZERS)" watched-$@

WATCHED = LUASSL_SPARSE=7 ASAN_OPTIONS=detect_leaks=0:exitcode=99 \
  UBSAN_OPTIONS=print_stacktrace=1:exitcode=99 \
  LUASSL_WRAPPER="env LD_PRELOAD=$(shell gcc -print-file-name=libasan.so)"

# What runs our C code and is no program of others.
SANITIZED = base carrier connection context lua peers reference x509 \
  project/smoke_spec.lua project/usages_spec.lua luasec/equivalence_spec.lua \
  luasec/luasec_connection_spec.lua luasec/luasec_https_spec.lua \
  luasec/x509_spec.lua
watched-sanitize-suite: all witnesses
	@$(WATCHED) sh spec/support/run.sh $(INTERPRETER) spec/support/run.lua \
	  $(ARGS) $(if $(filter spec,$(SPECS)),$(SANITIZED:%=spec/%),$(SPECS))

watched-sanitize-programs: all witnesses
	@$(WATCHED) sh spec/support/run.sh $(INTERPRETER) spec/programs/run.lua $(or $(SEEDS),1-80) "$(KIND)" "$(WITHOUT)"

# Each allocation of Lua's fails in turn, each 47th of OpenSSL's: 8 minutes of
# CPU time. SPARSE=3: of OpenSSL's each third of these, and each seventh of the
# 6,000 that loading the module makes.
SWEEP = sh spec/support/run.sh $(BUILD)/oom spec/support/oom.lua
oom: all witnesses
	@$(SWEEP) 1 $$((47 * $(or $(SPARSE),1))) -load
	@$(SWEEP) $(if $(SPARSE),7,1) 47 load

# Ten thousand handshakes with every hook.
growth: all witnesses
	@sh spec/support/run.sh $(INTERPRETER) spec/support/memory_growth.lua 10000

# Random programs against their model: SEEDS=1-200 [KIND=object|socket|stream]
# [WITHOUT=reentry,repeat]: spec/programs/world.lua lists what can be left out.
programs: all witnesses
	@sh spec/support/run.sh $(INTERPRETER) spec/programs/run.lua "$(or $(SEEDS),1-100)" "$(KIND)" "$(WITHOUT)"

# A thousand handshakes that ask Redis: against 50 ms a look-up, and in turn.
dynamic: all witnesses
	@$(DEPS) test $(LUA)
	@sh spec/support/run.sh $(INTERPRETER) spec/support/dynamic_certificates.lua 1000 100 50 3

leaks: all witnesses
	@LUASSL_WRAPPER="valgrind -q --leak-check=full --error-exitcode=9 \
	  --show-leak-kinds=definite --errors-for-leak-kinds=definite" \
	sh spec/support/run.sh $(INTERPRETER) spec/support/leaks.lua

# Speed against C and the other bindings, 15 minutes: bench/RESULTS.md. Parts:
# ROUNDS=1 WORK="lines ping-64" SUBJECTS="c luassl"; VERSION=TLSv1.2 CIPHER=...
# bench-gate: counts that may not grow.
.PHONY: bench bench-deps bench-gate bench-https
BENCH = $(firstword $(wildcard /usr/bin/python3) python3) -B bench/run.py
$(BENCH_PROGRAMS): $(BUILD)/bench/%: bench/%.c bench/tls.c bench/tls.h Makefile
	@mkdir -p $(@D)
	$(SAY) $@
	$(Q)$(COMPILE) $(LDFLAGS) -o $@ $< bench/tls.c $(OPENSSL_LIBS)

bench-deps:
	@$(DEPS) bench $(LUA)

bench: all $(BENCH_PROGRAMS)
	@$(BENCH) $@ $(BUILD) $(INTERPRETER)

bench-gate: all $(BENCH_PROGRAMS)
	@$(BENCH) $@ $(BUILD) $(INTERPRETER)

# Requests of luassl.https against LuaSec's, Python's and curl's.
bench-https: all
	@$(firstword $(wildcard /usr/bin/python3) python3) -B bench/https.py \
	  $(BUILD) $(INTERPRETER)

lint:
	@$(DEPS) lint $(LUA)
	$(AGAIN) all
	@sh doc/reference/make.sh $(INTERPRETER) build/lint-doc
	@$(INTERPRETER) doc/reference/check.lua build/lint-doc
	@sh .ci/lint "$(MODULE)" "-Isrc $(STANDARD) $(WARNINGS) $(OPENSSL_CFLAGS)"

doc:
	@$(DEPS) doc $(LUA)
	$(AGAIN) all
	@$(INTERPRETER) doc/options.lua >$(BUILD)/options.md
	@cp $(BUILD)/options.md doc/options.md
	@sh doc/reference/make.sh $(INTERPRETER) build/doc
	@$(INTERPRETER) doc/reference/check.lua build/doc
	@$(INTERPRETER) doc/reference/luacats.lua build/luacats
	@echo build/doc/index.html build/luacats/luassl.lua

INSTALLED = $(wildcard lua/luassl/*.lua)
DROP_IN = $(wildcard lua/luassl/luasec/*.lua)
install: all
	install -d "$(DESTDIR)$(INST_LUADIR)/luassl/luasec" \
	  "$(DESTDIR)$(INST_LIBDIR)/luassl"
	install -m 644 $(INSTALLED) "$(DESTDIR)$(INST_LUADIR)/luassl"
	install -m 644 $(DROP_IN) "$(DESTDIR)$(INST_LUADIR)/luassl/luasec"
	install -m 755 $(MODULE) "$(DESTDIR)$(INST_LIBDIR)/luassl"

# The command, which needs argparse and dkjson, for the Lua that it was made with.
COMMAND = $(wildcard bin/lua/luassl/cli/*.lua)
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man1
install-command:
	install -d "$(DESTDIR)$(INST_LUADIR)/luassl/cli" "$(BINDIR)" "$(MANDIR)"
	install -m 644 $(COMMAND) "$(DESTDIR)$(INST_LUADIR)/luassl/cli"
	sed '1s,lua$$,$(INTERPRETER),' bin/luassl >"$(BINDIR)/luassl"
	chmod 755 "$(BINDIR)/luassl"
	install -m 644 doc/luassl.1 "$(MANDIR)"

# Annotations for editors. Not where Lua looks: they are no module.
LUACATS = $(DESTDIR)$(PREFIX)/share/luassl/luacats
install-luacats: all
	@$(INTERPRETER) doc/reference/luacats.lua $(BUILD)/luacats
	install -d "$(LUACATS)/luassl"
	install -m 644 $(BUILD)/luacats/luassl.lua "$(LUACATS)"
	install -m 644 $(BUILD)/luacats/luassl/https.lua "$(LUACATS)/luassl"

# A directory goes when nothing of somebody else's is in it.
uninstall:
	rm -f $(foreach file,$(patsubst lua/%,%,$(INSTALLED) $(DROP_IN) $(COMMAND:bin/%=%)),\
	  "$(DESTDIR)$(INST_LUADIR)/$(file)") "$(BINDIR)/luassl" \
	  "$(MANDIR)/luassl.1"
	rm -f "$(DESTDIR)$(INST_LIBDIR)/luassl/core.so" \
	  "$(LUACATS)/luassl.lua" "$(LUACATS)/luassl/https.lua"
	@rmdir "$(LUACATS)/luassl" "$(LUACATS)" "$(DESTDIR)$(PREFIX)/share/luassl" \
	  2>/dev/null || :
	@rmdir "$(DESTDIR)$(INST_LUADIR)/luassl/luasec" 2>/dev/null || :
	@rmdir "$(DESTDIR)$(INST_LUADIR)/luassl/cli" 2>/dev/null || :
	@rmdir "$(DESTDIR)$(INST_LUADIR)/luassl" 2>/dev/null || :
	@rmdir "$(DESTDIR)$(INST_LIBDIR)/luassl" 2>/dev/null || :

# What LuaRocks and `make install` install, used on each Lua.
.PHONY: deb dist dist-install release-check rocks
rocks:
	@$(DEPS) rocks $(LUA)
	@sh spec/rocks/run.sh "$(RELEASE)"

# What a release is made of, in build/dist, and whether it can be installed.
dist:
	@$(DEPS) rocks $(LUA)
	@$(DEPS) deb $(LUA)
	@sh .ci/dist all "$(RELEASE)" $(LUA) $(SUITE)

# The Debian source package of rockspecs/debian, and what it is built to.
deb:
	@$(DEPS) deb $(LUA)
	@sh .ci/deb "$(RELEASE)" build/deb
	@ls build/deb/lua-luassl*

# Names what a release still lacks.
release-check:
	@sh .ci/release-check "$(RELEASE)"

dist-install:  # in an empty system
	@sh spec/rocks/empty.sh "$(DIST)" "$(RELEASE)" $(LUA)

# The two commands on another Debian, made below build/elsewhere and kept.
# What the whole suite found there `make systems` puts into doc/systems.md.
.PHONY: elsewhere elsewhere-all elsewhere-clean systems
elsewhere:
	@LUA="$(LUA)" TARGET="$(TARGET)" WHO="$(WHO)" FRESH="$(FRESH)" V="$(V)" \
	  SPECS="$(filter-out spec,$(SPECS))" ARGS="$(ARGS)" DIST="$(DIST)" \
	  sh .ci/elsewhere "$(SUITE)" "$(ARCH)"

# All that is in no .ci/run; ONLY="trixie i386" takes a part.
elsewhere-all:
	@sh .ci/elsewhere-all "$(ONLY)"

systems:
	@sh .ci/systems

elsewhere-clean:
	rm -rf --one-file-system build/elsewhere

# With what `luarocks make` leaves. But not the other systems: they take long.
clean:
	rm -rf $(filter-out build/elsewhere,$(wildcard build/*)) luassl \
	  $(wildcard src/*.o src/*/*.o)
