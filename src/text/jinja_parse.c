/* Recursive descent over the tokens; precedence as Jinja's own parser has it. */
#include "text/jinja.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    arena *mem;
    const jinja_token *t; /* the next one */
    int depth;
    int loops;            /* break and continue are only known inside */
    err *e;
} parser;

static node *expression(parser *p);
static node *unary(parser *p, bool with_filters);
static bool statements(parser *p, node_list *out, const char *const *ends);

static node *fail(parser *p, const char *what) {
    char seen[80] = "the end";
    if (p->t->kind != T_END) snprintf(seen, sizeof seen, "'%.*s'", (int)(p->t->n < 60 ? p->t->n : 60), p->t->text ? p->t->text : "a tag");
    err_set(p->e, ERR_FORMAT, "the chat template is malformed: %s", what);
    err_where(p->e, "line %d", p->t->line);
    err_got(p->e, "%s", seen);
    return NULL;
}

static node *unsupported(parser *p, const char *kind, const char *name) {
    err_set(p->e, ERR_UNSUPPORTED, "the chat template uses the %s '%s', which is not supported", kind, name);
    err_where(p->e, "line %d", p->t->line);
    return NULL;
}

static bool is_op(const parser *p, const char *op) { return p->t->kind == T_OP && strcmp(p->t->text, op) == 0; }
static bool is_name(const parser *p, const char *name) { return p->t->kind == T_NAME && strcmp(p->t->text, name) == 0; }
static bool take_op(parser *p, const char *op) { return is_op(p, op) ? p->t++, true : false; }
static bool take_name(parser *p, const char *name) { return is_name(p, name) ? p->t++, true : false; }

static node *make(parser *p, node_kind kind) {
    node *n = arena_must(p->mem, 1, sizeof *n);
    n->kind = kind;
    n->line = p->t->line;
    return n;
}

static void add(parser *p, node_list *l, node *n) {
    if ((l->n & (l->n - 1)) == 0) { /* grows at powers of two */
        node **bigger = arena_must(p->mem, l->n ? 2 * l->n : 1, sizeof *bigger);
        if (l->n) memcpy(bigger, l->items, l->n * sizeof *bigger);
        l->items = bigger;
    }
    l->items[l->n++] = n;
}

static node *binary(parser *p, node_kind kind, const char *op, node *a, node *b) {
    node *n = make(p, kind);
    n->name = op;
    n->a = a;
    n->b = b;
    return a && b ? n : NULL;
}

static node *literal(parser *p, value v) {
    node *n = make(p, N_LITERAL);
    n->literal = arena_must(p->mem, 1, sizeof v);
    *n->literal = v;
    return n;
}

static node *string_literal(parser *p) {
    buf b = { 0 };
    while (p->t->kind == T_STRING) { /* adjacent strings join */
        buf_put(&b, p->t->text, p->t->n);
        p->t++;
    }
    text *t = arena_must(p->mem, 1, sizeof *t);
    *t = (text){ arena_must_copy(p->mem, buf_str(&b), b.len), b.len, NULL, 0 };
    buf_free(&b);
    return literal(p, (value){ .kind = V_STRING, .str = t });
}

/* (a, b, name=c) after the opening bracket. */
static arg_list *arguments(parser *p) {
    arg_list *l = arena_must(p->mem, 1, sizeof *l);
    while (!take_op(p, ")")) {
        if (l->n == JINJA_MAX_ARGS) return fail(p, "too many arguments"), NULL;
        if (is_op(p, "*") || is_op(p, "**")) return unsupported(p, "construct", "argument unpacking"), NULL;
        if (p->t->kind == T_NAME && p->t[1].kind == T_OP && strcmp(p->t[1].text, "=") == 0) {
            l->names[l->n] = p->t->text;
            p->t += 2;
        }
        if (!(l->values[l->n++] = expression(p))) return NULL;
        if (!take_op(p, ",") && !is_op(p, ")")) return fail(p, "an argument list does not end"), NULL;
    }
    return l;
}

static node *bracketed(parser *p) {
    node *n = make(p, N_TUPLE);
    bool comma = false;
    while (!take_op(p, ")")) {
        node *x = expression(p);
        if (!x) return NULL;
        add(p, &n->items, x);
        if (take_op(p, ",")) comma = true;
        else if (!is_op(p, ")")) return fail(p, "a bracket does not close");
    }
    return n->items.n == 1 && !comma ? n->items.items[0] : n;
}

static node *list_or_dict(parser *p, bool dict) {
    node *n = make(p, dict ? N_DICT : N_LIST);
    const char *end = dict ? "}" : "]";
    while (!take_op(p, end)) {
        node *x = expression(p);
        if (!x) return NULL;
        add(p, &n->items, x);
        if (dict) {
            if (!take_op(p, ":")) return fail(p, "a dict entry has no ':'");
            if (!(x = expression(p))) return NULL;
            add(p, &n->items, x);
        }
        if (!take_op(p, ",") && !is_op(p, end)) return fail(p, "a list or dict does not end");
    }
    return n;
}

static node *primary(parser *p) {
    const jinja_token *t = p->t;
    if (t->kind == T_STRING) return string_literal(p);
    if (t->kind == T_INT) return p->t++, literal(p, (value){ .kind = V_INT, .i = t->i });
    if (t->kind == T_FLOAT) return p->t++, literal(p, (value){ .kind = V_FLOAT, .f = t->f });
    if (take_op(p, "(")) return bracketed(p);
    if (take_op(p, "[")) return list_or_dict(p, false);
    if (take_op(p, "{")) return list_or_dict(p, true);
    if (t->kind != T_NAME) return fail(p, "an expression is expected");
    p->t++;
    if (strcmp(t->text, "true") == 0 || strcmp(t->text, "True") == 0) return literal(p, (value){ .kind = V_BOOL, .b = true });
    if (strcmp(t->text, "false") == 0 || strcmp(t->text, "False") == 0) return literal(p, (value){ .kind = V_BOOL, .b = false });
    if (strcmp(t->text, "none") == 0 || strcmp(t->text, "None") == 0) return literal(p, (value){ .kind = V_NONE });
    node *n = make(p, N_NAME);
    n->name = t->text;
    return n;
}

static node *subscript(parser *p, node *of) {
    node *n = make(p, N_ITEM);
    n->a = of;
    if (!is_op(p, ":") && !(n->b = expression(p))) return NULL;
    if (is_op(p, ":")) {
        n->kind = N_SLICE;
        node **parts[] = { &n->c, &n->d };
        for (int i = 0; i < 2 && take_op(p, ":"); i++)
            if (!is_op(p, ":") && !is_op(p, "]") && !(*parts[i] = expression(p))) return NULL;
    }
    return take_op(p, "]") ? n : fail(p, "a subscript does not close");
}

static node *postfix(parser *p, node *n) {
    while (n) {
        if (take_op(p, ".")) {
            if (p->t->kind != T_NAME && p->t->kind != T_INT) return fail(p, "an attribute name is expected");
            node *a = make(p, p->t->kind == T_NAME ? N_ATTR : N_ITEM);
            a->a = n;
            a->name = p->t->text;
            if (p->t->kind == T_INT) a->b = literal(p, (value){ .kind = V_INT, .i = p->t->i });
            p->t++;
            n = a;
        } else if (take_op(p, "[")) n = subscript(p, n);
        else if (take_op(p, "(")) {
            node *c = make(p, N_CALL);
            c->a = n;
            n = (c->args = arguments(p)) ? c : NULL;
        } else return n;
    }
    return NULL;
}

static node *filter(parser *p, node *of) {
    if (p->t->kind != T_NAME) return fail(p, "a filter name is expected");
    node *n = make(p, N_FILTER);
    n->a = of;
    n->name = p->t->text;
    if (!find_filter(n->name)) return unsupported(p, "filter", n->name);
    p->t++;
    n->args = arena_must(p->mem, 1, sizeof *n->args);
    if (take_op(p, "(") && !(n->args = arguments(p))) return NULL;
    return n;
}

static bool begins_argument(const parser *p) {
    static const char *const words[] = { "else", "or", "and", "is", "in", "not", "if" };
    if (p->t->kind == T_NAME) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (is_name(p, words[i])) return false;
        return true;
    }
    return p->t->kind == T_STRING || p->t->kind == T_INT || p->t->kind == T_FLOAT || is_op(p, "[") || is_op(p, "{");
}

static node *test(parser *p, node *of) {
    node *n = make(p, N_TEST);
    n->a = of;
    n->negated = take_name(p, "not");
    if (p->t->kind != T_NAME) return fail(p, "a test name is expected");
    n->name = p->t->text;
    if (!find_test(n->name)) return unsupported(p, "test", n->name);
    p->t++;
    n->args = arena_must(p->mem, 1, sizeof *n->args);
    if (take_op(p, "(")) return (n->args = arguments(p)) ? n : NULL;
    if (!begins_argument(p)) return n;
    n->args->values[0] = postfix(p, primary(p));
    n->args->n = 1;
    return n->args->values[0] ? n : NULL;
}

static node *filters_and_tests(parser *p, node *n) {
    while (n) {
        if (take_op(p, "|")) n = filter(p, n);
        else if (take_name(p, "is")) n = test(p, n);
        else if (is_op(p, "(") || is_op(p, ".") || is_op(p, "[")) n = postfix(p, n); /* x|filter.attr */
        else return n;
    }
    return NULL;
}

static node *unary(parser *p, bool with_filters) {
    node *n;
    if (++p->depth > JINJA_MAX_DEPTH) return err_set(p->e, ERR_LIMIT, "the chat template is nested too deeply"), NULL;
    if (is_op(p, "-") || is_op(p, "+")) {
        n = make(p, N_UNARY);
        n->name = p->t++->text;
        n->a = unary(p, false);
        if (!n->a) n = NULL;
    } else n = postfix(p, primary(p));
    if (n && with_filters) n = filters_and_tests(p, n);
    p->depth--;
    return n;
}

static node *power(parser *p) {
    node *n = unary(p, true);
    while (n && take_op(p, "**")) n = binary(p, N_BINARY, "**", n, unary(p, true));
    return n;
}

static node *left_to_right(parser *p, node *(*inner)(parser *), const char *const *ops) {
    node *n = inner(p);
    for (size_t i = 0; n && ops[i];) {
        if (take_op(p, ops[i])) {
            n = binary(p, N_BINARY, ops[i], n, inner(p));
            i = 0;
        } else i++;
    }
    return n;
}

static node *product(parser *p) { return left_to_right(p, power, (const char *const[]){ "*", "//", "/", "%", NULL }); }
static node *concat(parser *p) { return left_to_right(p, product, (const char *const[]){ "~", NULL }); }
static node *sum(parser *p) { return left_to_right(p, concat, (const char *const[]){ "+", "-", NULL }); }

static const char *comparison(parser *p) {
    static const char *const ops[] = { "==", "!=", "<=", ">=", "<", ">" };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (take_op(p, ops[i])) return ops[i];
    if (take_name(p, "in")) return "in";
    if (is_name(p, "not") && p->t[1].kind == T_NAME && strcmp(p->t[1].text, "in") == 0) return p->t += 2, "not in";
    return NULL;
}

static node *compare(parser *p) {
    node *first = sum(p);
    const char *op;
    if (!first || !(op = comparison(p))) return first;
    node *n = make(p, N_COMPARE);
    n->ops = arena_must(p->mem, JINJA_MAX_ARGS, sizeof *n->ops);
    add(p, &n->items, first);
    do {
        node *x = sum(p);
        if (!x || n->items.n == JINJA_MAX_ARGS) return NULL;
        n->ops[n->items.n - 1] = op;
        add(p, &n->items, x);
    } while ((op = comparison(p)));
    return n;
}

static node *negation(parser *p) {
    if (!take_name(p, "not")) return compare(p);
    if (++p->depth > JINJA_MAX_DEPTH) return err_set(p->e, ERR_LIMIT, "the chat template is nested too deeply"), NULL;
    node *n = make(p, N_NOT);
    n->a = negation(p);
    p->depth--;
    return n->a ? n : NULL;
}

static node *conjunction(parser *p) {
    node *n = negation(p);
    while (n && take_name(p, "and")) n = binary(p, N_AND, "and", n, negation(p));
    return n;
}

static node *disjunction(parser *p) {
    node *n = conjunction(p);
    while (n && take_name(p, "or")) n = binary(p, N_OR, "or", n, conjunction(p));
    return n;
}

static node *expression(parser *p) {
    node *n = disjunction(p);
    while (n && take_name(p, "if")) {
        node *c = make(p, N_COND);
        c->b = n;
        if (!(c->a = disjunction(p))) return NULL;
        if (take_name(p, "else") && !(c->c = expression(p))) return NULL;
        n = c;
    }
    return n;
}

/* a, b without brackets, as after `set x =` and in `for a, b in`. */
static node *maybe_tuple(parser *p, node *(*inner)(parser *)) {
    node *first = inner(p);
    if (!first || !is_op(p, ",")) return first;
    node *n = make(p, N_TUPLE);
    add(p, &n->items, first);
    while (take_op(p, ",")) {
        node *x = inner(p);
        if (!x) return NULL;
        add(p, &n->items, x);
    }
    return n;
}

static bool block_end(parser *p) { return p->t->kind == T_BLOCK_END ? p->t++, true : (fail(p, "a tag has more in it than expected"), false); }

static node *target(parser *p) {
    if (p->t->kind != T_NAME && !is_op(p, "(")) return fail(p, "a name to assign to is expected");
    if (take_op(p, "(")) return bracketed(p);
    return postfix(p, primary(p));
}

static node *parse_if(parser *p) {
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    node *n = make(p, N_IF);
    if (!(n->a = expression(p)) || !block_end(p) || !statements(p, &n->body, ends)) return NULL;
    if (take_name(p, "elif")) {
        node *inner = parse_if(p);
        if (!inner) return NULL;
        add(p, &n->other, inner);
        return n;
    }
    if (take_name(p, "else") && (!block_end(p) || !statements(p, &n->other, (const char *const[]){ "endif", NULL }))) return NULL;
    return take_name(p, "endif") && block_end(p) ? n : fail(p, "an 'if' does not end");
}

static node *parse_for(parser *p) {
    static const char *const ends[] = { "else", "endfor", NULL };
    node *n = make(p, N_FOR);
    if (!(n->a = maybe_tuple(p, target))) return NULL;
    if (!take_name(p, "in")) return fail(p, "a 'for' has no 'in'");
    if (!(n->b = maybe_tuple(p, disjunction))) return NULL;
    if (take_name(p, "if") && !(n->c = expression(p))) return NULL;
    n->recursive = take_name(p, "recursive");
    p->loops++;
    bool ok = block_end(p) && statements(p, &n->body, ends);
    p->loops--;
    if (!ok) return NULL;
    if (take_name(p, "else") && (!block_end(p) || !statements(p, &n->other, (const char *const[]){ "endfor", NULL }))) return NULL;
    return take_name(p, "endfor") && block_end(p) ? n : fail(p, "a 'for' does not end");
}

static node *parse_set(parser *p) {
    node *n = make(p, N_SET);
    if (!(n->a = maybe_tuple(p, target))) return NULL;
    if (take_op(p, "=")) return (n->b = maybe_tuple(p, expression)) && block_end(p) ? n : NULL;
    n->kind = N_SET_BLOCK;
    while (take_op(p, "|")) /* filters over the block, outermost last; their innermost operand is the block's text */
        if (!(n->b = filter(p, n->b))) return NULL;
    if (!block_end(p) || !statements(p, &n->body, (const char *const[]){ "endset", NULL })) return NULL;
    return take_name(p, "endset") && block_end(p) ? n : fail(p, "a 'set' does not end");
}

static bool parameters(parser *p, node *n) {
    n->args = arena_must(p->mem, 1, sizeof *n->args);
    if (!take_op(p, "(")) return true;
    while (!take_op(p, ")")) {
        if (p->t->kind != T_NAME || n->args->n == JINJA_MAX_ARGS) return fail(p, "a parameter name is expected"), false;
        n->args->names[n->args->n] = p->t++->text;
        if (take_op(p, "=") && !(n->args->values[n->args->n] = expression(p))) return false;
        n->args->n++;
        if (!take_op(p, ",") && !is_op(p, ")")) return fail(p, "a parameter list does not end"), false;
    }
    return true;
}

static node *parse_macro(parser *p) {
    node *n = make(p, N_MACRO);
    if (p->t->kind != T_NAME) return fail(p, "a macro has no name");
    n->name = p->t++->text;
    if (!parameters(p, n) || !block_end(p) || !statements(p, &n->body, (const char *const[]){ "endmacro", NULL })) return NULL;
    if (!take_name(p, "endmacro")) return fail(p, "a macro does not end");
    if (p->t->kind == T_NAME) p->t++;
    return block_end(p) ? n : NULL;
}

static node *parse_call(parser *p) {
    node *n = make(p, N_CALL_BLOCK);
    if (!parameters(p, n) || !(n->a = postfix(p, primary(p))) || !block_end(p)) return NULL;
    if (n->a->kind != N_CALL) return fail(p, "a 'call' calls nothing");
    if (!statements(p, &n->body, (const char *const[]){ "endcall", NULL })) return NULL;
    return take_name(p, "endcall") && block_end(p) ? n : fail(p, "a 'call' does not end");
}

static node *parse_filter_block(parser *p) {
    node *n = make(p, N_FILTER_BLOCK);
    if (!(n->a = filter(p, NULL))) return NULL;
    while (take_op(p, "|"))
        if (!(n->a = filter(p, n->a))) return NULL;
    if (!block_end(p) || !statements(p, &n->body, (const char *const[]){ "endfilter", NULL })) return NULL;
    return take_name(p, "endfilter") && block_end(p) ? n : fail(p, "a 'filter' does not end");
}

static node *parse_scope(parser *p) { /* generation: marks what the assistant says; the text is the same */
    node *n = make(p, N_SCOPE);
    if (!block_end(p) || !statements(p, &n->body, (const char *const[]){ "endgeneration", NULL })) return NULL;
    return take_name(p, "endgeneration") && block_end(p) ? n : fail(p, "a 'generation' does not end");
}

static node *parse_flow(parser *p, node_kind kind) {
    if (!p->loops) return fail(p, "'break' or 'continue' outside a loop");
    node *n = make(p, kind);
    return block_end(p) ? n : NULL;
}

static node *statement(parser *p) {
    if (p->t->kind != T_NAME) return fail(p, "a statement is expected");
    if (take_name(p, "if")) return parse_if(p);
    if (take_name(p, "for")) return parse_for(p);
    if (take_name(p, "set")) return parse_set(p);
    if (take_name(p, "macro")) return parse_macro(p);
    if (take_name(p, "call")) return parse_call(p);
    if (take_name(p, "filter")) return parse_filter_block(p);
    if (take_name(p, "generation")) return parse_scope(p);
    if (take_name(p, "break")) return parse_flow(p, N_BREAK);
    if (take_name(p, "continue")) return parse_flow(p, N_CONTINUE);
    return unsupported(p, "statement", p->t->text);
}

static bool ends_here(const parser *p, const char *const *ends) {
    for (size_t i = 0; ends && ends[i]; i++)
        if (p->t[1].kind == T_NAME && strcmp(p->t[1].text, ends[i]) == 0) return true;
    return false;
}

/* Up to one of the ends, whose name is then next. */
static bool statements(parser *p, node_list *out, const char *const *ends) {
    if (++p->depth > JINJA_MAX_DEPTH) return err_set(p->e, ERR_LIMIT, "the chat template is nested too deeply");
    for (;; ) {
        node *n = NULL;
        if (p->t->kind == T_END) {
            p->depth--;
            return !ends || (fail(p, "a block does not end"), false);
        }
        if (p->t->kind == T_TEXT) {
            n = make(p, N_TEXT);
            n->name = p->t->text;
            n->n_text = p->t++->n;
        } else if (p->t->kind == T_PRINT_BEGIN) {
            n = make(p, N_PRINT);
            p->t++;
            n->a = maybe_tuple(p, expression);
            if (n->a && p->t->kind != T_PRINT_END) fail(p, "an expression has more after it than expected"), n->a = NULL;
            if (!n->a) return false;
            p->t++;
        } else if (p->t->kind == T_BLOCK_BEGIN && ends_here(p, ends)) {
            p->t++;
            p->depth--;
            return true;
        } else {
            p->t++;
            n = statement(p);
        }
        if (!n) return false;
        add(p, out, n);
    }
}

bool jinja_parse(arena *mem, const char *source, size_t n, node_list *out, err *e) {
    jinja_token *tokens;
    size_t count;
    if (!jinja_lex(mem, source, n, &tokens, &count, e)) return false;
    parser p = { .mem = mem, .t = tokens, .e = e };
    bool ok = statements(&p, out, NULL);
    free(tokens);
    return ok;
}
