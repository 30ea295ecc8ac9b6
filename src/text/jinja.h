/* The Jinja subset behind chat templates: tokens, syntax tree, values. Everything of one template lives in its arena,
 * everything of one rendering in another with a limit. Internal to src/text; see template.h for what it promises. */
#ifndef PINGTI_TEXT_JINJA_H
#define PINGTI_TEXT_JINJA_H
#include "base/arena.h"
#include "base/buf.h"
#include "text/template.h"
#include <stdint.h>
#include <time.h>

enum { JINJA_MAX_SOURCE = 1 << 20, JINJA_MAX_DEPTH = 100, JINJA_MAX_ARGS = 32 };

/* ---- tokens ---- */
typedef enum token_kind { T_TEXT, T_BLOCK_BEGIN, T_BLOCK_END, T_PRINT_BEGIN, T_PRINT_END, T_NAME, T_STRING, T_INT, T_FLOAT, T_OP, T_END } token_kind;
typedef struct jinja_token {
    token_kind kind;
    const char *text; /* T_STRING: unescaped */
    size_t n;
    int line;
    int64_t i;
    double f;
} jinja_token;
bool jinja_lex(arena *mem, const char *source, size_t n, jinja_token **tokens, size_t *count, err *e);

/* ---- syntax tree ---- */
typedef enum node_kind {
    N_TEXT, N_PRINT, N_IF, N_FOR, N_SET, N_SET_BLOCK, N_MACRO, N_CALL_BLOCK, N_FILTER_BLOCK, N_BREAK, N_CONTINUE, N_SCOPE,
    N_LITERAL, N_NAME, N_ATTR, N_ITEM, N_SLICE, N_CALL, N_FILTER, N_TEST, N_UNARY, N_BINARY, N_AND, N_OR, N_NOT, N_COND, N_COMPARE, N_LIST, N_TUPLE, N_DICT,
} node_kind;

typedef struct node node;
typedef struct node_list {
    node **items;
    size_t n;
} node_list;
typedef struct arg_list {
    node *values[JINJA_MAX_ARGS];
    const char *names[JINJA_MAX_ARGS]; /* NULL: positional */
    size_t n;
} arg_list;

struct node {
    node_kind kind;
    int line;
    const char *name;      /* variable, attribute, filter, test, operator, macro */
    size_t n_text;
    struct value *literal;
    node *a, *b, *c, *d;   /* operands; for: target a, sequence b, condition c; if: condition a; slice: a[b:c:d] */
    node_list body, other; /* statements; else */
    node_list items;       /* list, tuple, dict (key, value, ...), compare operands, set targets */
    const char **ops;      /* compare */
    arg_list *args;
    bool negated, recursive;
};
bool jinja_parse(arena *mem, const char *source, size_t n, node_list *out, err *e);

/* ---- values ---- */
typedef enum value_kind { V_UNDEFINED, V_NONE, V_BOOL, V_INT, V_FLOAT, V_STRING, V_LIST, V_DICT, V_NAMESPACE, V_MACRO, V_FUNCTION, V_METHOD, V_LOOP } value_kind;

/* A string with the ranges of it that came from outside. */
typedef struct text {
    const char *s;
    size_t n;
    const text_span *from_outside;
    size_t n_spans;
} text;

typedef struct value value;
typedef struct run run;
typedef struct value_list {
    value *items;
    size_t n, cap;
    bool tuple;
} value_list;

typedef struct dict_entry dict_entry;
typedef struct value_dict {
    dict_entry *items;
    size_t n, cap;
} value_dict;

struct value {
    value_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        text *str;
        value_list *list;
        value_dict *dict;
        struct macro *macro;
        struct method *method;
        struct loop *loop;
        const char *name; /* of a function; what was undefined */
    };
};
struct dict_entry {
    value key, value;
};

typedef struct call_args {
    value values[JINJA_MAX_ARGS];
    const char *names[JINJA_MAX_ARGS];
    size_t n;
} call_args;


typedef struct macro {
    const node *def;
    struct frame *home;
    value caller; /* of a call block */
} macro;
typedef struct method {
    value self;
    const char *name;
} method;
typedef struct loop {
    const value_list *items;
    size_t at;
    int depth;
    const node *def; /* recursive loops */
    struct frame *home;
    value changed;
} loop;

typedef struct binding {
    const char *name;
    value value;
} binding;
typedef struct frame {
    binding *vars;
    size_t n, cap;
    struct frame *parent;
} frame;

/* One rendering. */
struct run {
    arena *mem;
    buf out;
    text_span *spans; /* of out */
    size_t n_spans, cap_spans;
    frame *globals;
    size_t steps, max_steps;
    int depth;
    int line;
    time_t now;
    bool failed;
    err *e;
    enum { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE } flow;
};

/* Values. Functions that can fail set run->failed and return undefined. */
value v_none(void);
value v_bool(bool b);
value v_int(int64_t i);
value v_float(double f);
value v_string(run *r, const char *s, size_t n, bool outside);
value v_text(run *r, const char *s, size_t n, const text_span *spans, size_t n_spans);
value v_list(run *r, bool tuple);
value v_dict(run *r);
value v_undefined(const char *name);
void list_put(run *r, value_list *l, value v);
void dict_set(run *r, value_dict *d, value key, value v);
value *dict_get(const value_dict *d, const char *key, size_t n);
value v_from_json(run *r, const json_t *j);
bool v_truthy(value v);
bool v_equal(value a, value b);
int v_compare(run *r, value a, value b);             /* error for kinds that have no order */
value v_substring(run *r, const text *t, size_t from, size_t to);
value v_fail(run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
value v_no_memory(run *r);
const char *v_kind_name(value v);
size_t text_chars(const text *t);                    /* code points */
size_t text_offset(const text *t, size_t chars);     /* byte offset of a code point */

/* Text being built, with its spans. */
typedef struct text_builder {
    buf b;
    text_span *spans;
    size_t n, cap;
} text_builder;
void build_text(run *r, text_builder *b, const text *t);
void build_raw(run *r, text_builder *b, const char *s, size_t n, bool outside);
void build_value(run *r, text_builder *b, value v);  /* Python's str() */
void build_repr(run *r, text_builder *b, value v);
value build_done(run *r, text_builder *b);
void build_json(run *r, text_builder *b, value v, int indent, int level);

/* Evaluation. */
value eval(run *r, frame *f, const node *n);
bool exec_list(run *r, frame *f, const node_list *l);
value call_value(run *r, value callee, const call_args *args);
value get_attribute(run *r, value v, const char *name);
value get_item(run *r, value v, value key);
value_list *to_list(run *r, value v);                /* iterates */
bool frame_set(run *r, frame *f, const char *name, value v);
value *frame_find(frame *f, const char *name);
value call_macro(run *r, const macro *m, const call_args *args);
value call_method(run *r, const method *m, const call_args *a);
bool has_method(value v, const char *name);
value call_function(run *r, const char *name, const call_args *a);
bool is_function(const char *name);

/* Argument by position or name. */
const value *arg(const call_args *a, size_t position, const char *name);

typedef value (*filter_fn)(run *r, value v, const call_args *a);
typedef bool (*test_fn)(run *r, value v, const call_args *a);
filter_fn find_filter(const char *name);
test_fn find_test(const char *name);
value filter_strip(run *r, value v, const call_args *a);
#endif
