/*
** options.h -- the options of contexts and connections: one row each, from
** which checks, merging, `get`, kept contexts, bindings and documentation
** derive. Misuse raises "option 'certfile' must be a string, not a number" and
** the like; `index` is the table's, absolute; nil or none counts as an empty
** one. Options that it would inherit through __index are refused.
*/
#ifndef LUASSL_OPTIONS_H
#define LUASSL_OPTIONS_H

#include "base/compat.h"

typedef enum OptionType {
  OPTION_BOOLEAN, OPTION_BYTES, OPTION_CERTIFICATES, OPTION_FUNCTION,
  OPTION_INTEGER, OPTION_LIST, OPTION_LOG, OPTION_OBJECT, OPTION_PASSWORD,
  OPTION_PSK, OPTION_RECORD_SIZE, OPTION_RESPONSES, OPTION_SECONDS,
  OPTION_STRING, OPTION_SERVER_NAMES, OPTION_TEXTS, OPTION_TIME, OPTION_TLSA,
  OPTION_VERSION, OPTION_X509
} OptionType;

/* Whose it is. */
enum {
  OF_CONTEXT = 1,
  OF_CONNECTION = 2,  /* with OF_CONTEXT: overrides the context's */
  OF_STATED = 4,      /* a connection may state it again, not change it */
  OF_WRAP = 8,        /* of the function wrap_socket itself */
  OF_CONNECT = 16,    /* of connect */
  OF_FETCH = 32,      /* of get_server_certificate */
  OF_VERIFY = 64,     /* of verify */
  OF_REQUEST = 128    /* of verify_client_post_handshake */
};

typedef enum OptionSide { EITHER_SIDE, CLIENT_SIDE, SERVER_SIDE } OptionSide;

/* What of it goes into the digest that sessions are bound to. */
typedef enum OptionBinding {
  UNDECIDED,       /* no row may be this */
  NOT_BOUND,       /* it says nothing about who the peer or this side is */
  BOUND_VALUE,     /* what the table holds */
  BOUND_FUNCTION,  /* which function it is */
  BOUND_IDENTITY,  /* the certificate that it leads to */
  BOUND_ANCHORS,   /* the certificates, or CRLs, that it leads to */
  BOUND_PLACE,     /* what the table holds, and when that place was changed */
  BOUND_BY_NAME,   /* with each connection's peer: session.c */
  BOUND_INSTEAD    /* it takes the place of the digest */
} OptionBinding;

/* Flags. */
enum {
  IS_FILE = 1,      /* names a file or a directory */
  IS_SECRET = 2,    /* is never told */
  IS_PEM = 4,       /* of it certificates alone are told */
  IS_LIVE = 8,      /* the caller's own table: changing it is enough */
  ABOVE_ZERO = 16,
  IS_RENEWED = 32   /* may be given to `reload` */
};

/* Options that replace those of another group, or of their own, as a whole. */
enum { NO_GROUP, IDENTITY = 1, VERSION_RANGE = 2, VERSION_NUMBER = 4 };

typedef struct Option {
  const char *name;
  OptionType type;
  int of;
  OptionBinding binding;
  OptionSide side;
  int flags;
  int has_default, absent;
  int first, last;       /* an integer's range, a listed string's length */
  int group, replaces;
  const char *excludes;  /* the name of one that it cannot stand beside */
  const char *object;    /* the name of an object's type */
} Option;

#pragma GCC visibility push(hidden)

/* Ends with a row without a name; in alphabetical order. */
extern const Option option_table[];

/* The versions that OPTION_VERSION takes, and ssl_version from 3 on. */
#define OPTION_VERSIONS 4
extern const char *const option_versions[OPTION_VERSIONS + 1];

/* Raises for names without a row that is `of` any of these, and names the
** nearest: "unknown option 'cerfile' (did you mean 'certfile'?)"; then for
** values that are of a wrong type or out of range. */
void options_check (lua_State *L, int index, int of);

/* The values alone, of a table that nobody else can change: what stood in the
** caller's may have changed since it was checked (a finalizer runs whenever
** Lua allocates). */
void options_check_values (lua_State *L, int index);

/* Raises for what is set though it is the other side's. */
void options_check_side (lua_State *L, int index, int of, int server_side);

/* Raises for what is set and is not renewed (IS_RENEWED). */
void options_check_renewed (lua_State *L, int index);

/* Raises for two that exclude each other. */
void options_check_exclusion (lua_State *L, int index);

/* Copies what is set in the options at `from` into the table `to`, where it
** replaces what it cannot stand beside. Lists are copied, with the tables in
** them. */
void options_merge (lua_State *L, int from, int to, int of);

/* Whether it may stand in a table of the option certificates. */
int options_is_identity (const Option *o);

/* Sets what is absent and has a default. */
void options_complete (lua_State *L, int index, int of);

/* The row; NULL: there is none. option_table.c. */
const Option *options_find (const char *name);

/* Pushes a list of tables, one a row, for Lua's part. [-0, +1, m] */
void options_push_table (lua_State *L);

/* Pushes the option's value and returns its Lua type. [-0, +1, m] */
int options_push (lua_State *L, int index, const char *name);

/* The values of options that were checked; `absent` if they are not set. */
int options_boolean (lua_State *L, int index, const char *name, int absent);
int options_integer (lua_State *L, int index, const char *name, int absent);
double options_number (lua_State *L, int index, const char *name,
                       double absent);

/* NULL when absent. The string lives as long as the table holds it. */
const char *options_string (lua_State *L, int index, const char *name,
                            size_t *size);

/* The index in `names`, NULL-ended, of the string that is an argument; raises
** for any other, and quotes it only if it is short. */
int options_choice (lua_State *L, int index, const char *absent,
                    const char *const *names);

/* "option 'name' " and the message, as a Lua error. */
int options_raise (lua_State *L, const char *name, const char *format, ...);

/* Raises for a name that has no row `of` any of these: option_names.c. */
int options_raise_unknown (lua_State *L, const char *name, size_t size,
                           int of);

#pragma GCC visibility pop

#endif
