/* Evaluation: every node costs a step, calls and loops are bounded, nothing outside the rendering is reachable. */
#include "text/jinja.h"
#include "base/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CALLS = 60 };

value *frame_find(frame *f, const char *name) {
    for (; f; f = f->parent)
        for (size_t i = 0; i < f->n; i++)
            if (strcmp(f->vars[i].name, name) == 0) return &f->vars[i].value;
    return NULL;
}

bool frame_set(run *r, frame *f, const char *name, value v) {
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->vars[i].name, name) == 0) return f->vars[i].value = v, true;
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 8;
        binding *bigger = arena_try(r->mem, cap, sizeof *bigger);
        if (!bigger) return v_no_memory(r), false;
        if (f->n) memcpy(bigger, f->vars, f->n * sizeof *bigger);
        f->vars = bigger;
        f->cap = cap;
    }
    f->vars[f->n++] = (binding){ name, v };
    return true;
}

static frame *new_frame(run *r, frame *parent) {
    frame *f = arena_try(r->mem, 1, sizeof *f);
    if (!f) return v_no_memory(r), NULL;
    f->parent = parent;
    return f;
}

static bool step(run *r, int line) {
    r->line = line;
    if (r->failed) return false;
    if (++r->steps <= r->max_steps) return true;
    v_fail(r, "it takes too many steps");
    r->e->code = ERR_LIMIT;
    return false;
}

const value *arg(const call_args *a, size_t position, const char *name) {
    size_t seen = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (a->names[i] && name && strcmp(a->names[i], name) == 0) return &a->values[i];
        if (!a->names[i] && seen++ == position) return &a->values[i];
    }
    return NULL;
}

static bool eval_args(run *r, frame *f, const arg_list *l, call_args *out) {
    out->n = 0;
    for (size_t i = 0; l && i < l->n; i++) {
        out->names[out->n] = l->names[i];
        out->values[out->n++] = eval(r, f, l->values[i]);
        if (r->failed) return false;
    }
    return true;
}

/* ---- attributes and items ---- */

static value loop_attribute(run *r, loop *l, const char *name) {
    size_t n = l->items->n, at = l->at;
    if (strcmp(name, "index") == 0) return v_int((int64_t)at + 1);
    if (strcmp(name, "index0") == 0) return v_int((int64_t)at);
    if (strcmp(name, "revindex") == 0) return v_int((int64_t)(n - at));
    if (strcmp(name, "revindex0") == 0) return v_int((int64_t)(n - at) - 1);
    if (strcmp(name, "first") == 0) return v_bool(at == 0);
    if (strcmp(name, "last") == 0) return v_bool(at + 1 == n);
    if (strcmp(name, "length") == 0) return v_int((int64_t)n);
    if (strcmp(name, "depth") == 0) return v_int(l->depth + 1);
    if (strcmp(name, "depth0") == 0) return v_int(l->depth);
    if (strcmp(name, "previtem") == 0) return at ? l->items->items[at - 1] : v_undefined("there is no previous item");
    if (strcmp(name, "nextitem") == 0) return at + 1 < n ? l->items->items[at + 1] : v_undefined("there is no next item");
    if (strcmp(name, "cycle") != 0 && strcmp(name, "changed") != 0) return v_undefined(name);
    method *m = arena_try(r->mem, 1, sizeof *m);
    if (!m) return v_no_memory(r);
    *m = (method){ (value){ .kind = V_LOOP, .loop = l }, name };
    return (value){ .kind = V_METHOD, .method = m };
}

value get_attribute(run *r, value v, const char *name) {
    if (v.kind == V_UNDEFINED) return v_fail(r, "'%.60s' is undefined, and so has no attribute '%.60s'", v.name, name);
    if (v.kind == V_LOOP) return loop_attribute(r, v.loop, name);
    if (has_method(v, name)) {
        method *m = arena_try(r->mem, 1, sizeof *m);
        if (!m) return v_no_memory(r);
        *m = (method){ v, name };
        return (value){ .kind = V_METHOD, .method = m };
    }
    const value *found = v.kind == V_DICT || v.kind == V_NAMESPACE ? dict_get(v.dict, name, strlen(name)) : NULL;
    return found ? *found : v_undefined(name);
}

static bool index_of(value key, size_t n, size_t *at) {
    int64_t i = key.kind == V_BOOL ? key.b : key.i;
    if (i < 0) i += (int64_t)n;
    *at = (size_t)i;
    return i >= 0 && (size_t)i < n;
}

value get_item(run *r, value v, value key) {
    size_t at;
    bool number = key.kind == V_INT || key.kind == V_BOOL;
    if (v.kind == V_UNDEFINED) return v_fail(r, "'%.60s' is undefined, and so has no items", v.name);
    if (v.kind == V_LIST && number) return index_of(key, v.list->n, &at) ? v.list->items[at] : v_undefined("list item");
    if (v.kind == V_STRING && number) {
        if (!index_of(key, text_chars(v.str), &at)) return v_undefined("character");
        return v_substring(r, v.str, text_offset(v.str, at), text_offset(v.str, at + 1));
    }
    if (v.kind == V_DICT)
        for (size_t i = 0; i < v.dict->n; i++)
            if (v_equal(v.dict->items[i].key, key)) return v.dict->items[i].value;
    if (key.kind == V_STRING && strlen(key.str->s) == key.str->n) return get_attribute(r, v, key.str->s);
    return v_undefined("item");
}

/* Python's slice bounds. */
static void slice_bounds(value from, value to, int64_t step_by, int64_t n, int64_t *a, int64_t *b) {
    int64_t low = step_by < 0 ? -1 : 0, high = step_by < 0 ? n - 1 : n;
    *a = from.kind == V_INT ? (from.i < 0 ? from.i + n : from.i) : step_by < 0 ? high : low;
    *b = to.kind == V_INT ? (to.i < 0 ? to.i + n : to.i) : step_by < 0 ? low : high;
    *a = *a < low ? low : *a > high ? high : *a;
    *b = *b < low ? low : *b > high ? high : *b;
}

static value eval_slice(run *r, frame *f, const node *x) {
    value v = eval(r, f, x->a), from = x->b ? eval(r, f, x->b) : v_none(), to = x->c ? eval(r, f, x->c) : v_none(), by = x->d ? eval(r, f, x->d) : v_int(1);
    int64_t a, b, step_by = by.kind == V_INT ? by.i : 1;
    if (r->failed || (v.kind != V_LIST && v.kind != V_STRING) || step_by == 0) return r->failed ? v : v_fail(r, "%s cannot be sliced", v_kind_name(v));
    if (step_by > INT32_MAX || step_by < -INT32_MAX) return v_fail(r, "a slice's step is out of range");
    if (v.kind == V_STRING) {
        slice_bounds(from, to, step_by, (int64_t)text_chars(v.str), &a, &b);
        if (step_by == 1) return v_substring(r, v.str, text_offset(v.str, (size_t)a), a < b ? text_offset(v.str, (size_t)b) : text_offset(v.str, (size_t)a));
        text_builder out = { 0 };
        for (int64_t i = a; (step_by > 0 ? i < b : i > b) && step(r, x->line); i += step_by) {
            value c = v_substring(r, v.str, text_offset(v.str, (size_t)i), text_offset(v.str, (size_t)i + 1));
            if (c.kind == V_STRING) build_text(r, &out, c.str);
        }
        return build_done(r, &out);
    }
    value out = v_list(r, v.list->tuple);
    slice_bounds(from, to, step_by, (int64_t)v.list->n, &a, &b);
    for (int64_t i = a; (step_by > 0 ? i < b : i > b) && !r->failed; i += step_by) list_put(r, out.list, v.list->items[i]);
    return out;
}

/* ---- operators ---- */

static bool numeric(value v) { return v.kind == V_INT || v.kind == V_FLOAT || v.kind == V_BOOL; }
static double real(value v) { return v.kind == V_FLOAT ? v.f : v.kind == V_BOOL ? v.b : (double)v.i; }
static int64_t whole(value v) { return v.kind == V_BOOL ? v.b : v.i; }

static value int_power(run *r, int64_t a, int64_t b) {
    if (b < 0) return v_float(pow((double)a, (double)b));
    int64_t out = 1;
    for (; b > 0; b--) {
        if (__builtin_mul_overflow(out, a, &out)) return v_fail(r, "an integer overflows");
        if (out == 0 || out == 1) break;
        if (out == -1) return v_int(b % 2 ? -1 : 1);
    }
    return v_int(out);
}

static value int_arithmetic(run *r, const char *op, int64_t a, int64_t b) {
    int64_t out;
    if (strcmp(op, "**") == 0) return int_power(r, a, b);
    if (strcmp(op, "+") == 0) return __builtin_add_overflow(a, b, &out) ? v_fail(r, "an integer overflows") : v_int(out);
    if (strcmp(op, "-") == 0) return __builtin_sub_overflow(a, b, &out) ? v_fail(r, "an integer overflows") : v_int(out);
    if (strcmp(op, "*") == 0) return __builtin_mul_overflow(a, b, &out) ? v_fail(r, "an integer overflows") : v_int(out);
    if (b == 0 || (a == INT64_MIN && b == -1)) return v_fail(r, b ? "an integer overflows" : "division by zero");
    if (strcmp(op, "/") == 0) return v_float((double)a / (double)b);
    int64_t q = a / b, m = a % b;
    if (m && (m < 0) != (b < 0)) q--, m += b;
    return v_int(strcmp(op, "//") == 0 ? q : m);
}

static value float_arithmetic(run *r, const char *op, double a, double b) {
    if (strcmp(op, "**") == 0) return v_float(pow(a, b));
    if (strcmp(op, "+") == 0) return v_float(a + b);
    if (strcmp(op, "-") == 0) return v_float(a - b);
    if (strcmp(op, "*") == 0) return v_float(a * b);
    if (b == 0) return v_fail(r, "division by zero");
    if (strcmp(op, "/") == 0) return v_float(a / b);
    if (strcmp(op, "//") == 0) return v_float(floor(a / b));
    double m = fmod(a, b);
    return v_float(m && (m < 0) != (b < 0) ? m + b : m);
}

static value repeat(run *r, value v, int64_t times) {
    size_t n = v.kind == V_STRING ? v.str->n : v.list->n;
    if (times > 0 && n && (uint64_t)times > (16u << 20) / n) return v_fail(r, "a repetition is too long");
    if (v.kind == V_LIST) {
        value out = v_list(r, v.list->tuple);
        for (int64_t i = 0; i < times && !r->failed; i++)
            for (size_t k = 0; k < n; k++) list_put(r, out.list, v.list->items[k]);
        return out;
    }
    text_builder b = { 0 };
    for (int64_t i = 0; i < times && n && !r->failed; i++) build_text(r, &b, v.str);
    return build_done(r, &b);
}

static value add_values(run *r, value a, value b) {
    if (a.kind == V_STRING && b.kind == V_STRING) {
        text_builder out = { 0 };
        build_text(r, &out, a.str);
        build_text(r, &out, b.str);
        return build_done(r, &out);
    }
    if (a.kind == V_LIST && b.kind == V_LIST && a.list->tuple == b.list->tuple) {
        value out = v_list(r, a.list->tuple);
        for (size_t i = 0; i < a.list->n && !r->failed; i++) list_put(r, out.list, a.list->items[i]);
        for (size_t i = 0; i < b.list->n && !r->failed; i++) list_put(r, out.list, b.list->items[i]);
        return out;
    }
    return v_fail(r, "%s and %s cannot be added", v_kind_name(a), v_kind_name(b));
}

static value eval_binary(run *r, frame *f, const node *x) {
    value a = eval(r, f, x->a), b = eval(r, f, x->b);
    if (r->failed) return a;
    r->line = x->line;
    if (strcmp(x->name, "~") == 0) {
        text_builder out = { 0 };
        build_value(r, &out, a);
        build_value(r, &out, b);
        return build_done(r, &out);
    }
    if (numeric(a) && numeric(b)) {
        bool floats = a.kind == V_FLOAT || b.kind == V_FLOAT;
        return floats ? float_arithmetic(r, x->name, real(a), real(b)) : int_arithmetic(r, x->name, whole(a), whole(b));
    }
    if (strcmp(x->name, "+") == 0) return add_values(r, a, b);
    bool times = strcmp(x->name, "*") == 0;
    if (times && (a.kind == V_STRING || a.kind == V_LIST) && b.kind == V_INT) return repeat(r, a, b.i);
    if (times && (b.kind == V_STRING || b.kind == V_LIST) && a.kind == V_INT) return repeat(r, b, a.i);
    return v_fail(r, "'%s' is not defined for %s and %s", x->name, v_kind_name(a), v_kind_name(b));
}

static bool contains(run *r, value needle, value hay) {
    if (hay.kind == V_STRING) {
        if (needle.kind != V_STRING) return v_fail(r, "only a string can be in a string"), false;
        return needle.str->n == 0 || memmem(hay.str->s, hay.str->n, needle.str->s, needle.str->n) != NULL;
    }
    if (hay.kind == V_LIST) {
        for (size_t i = 0; i < hay.list->n; i++)
            if (v_equal(hay.list->items[i], needle)) return true;
        return false;
    }
    if (hay.kind == V_DICT) {
        for (size_t i = 0; i < hay.dict->n; i++)
            if (v_equal(hay.dict->items[i].key, needle)) return true;
        return false;
    }
    if (hay.kind == V_UNDEFINED) return false;
    return v_fail(r, "nothing can be in %s", v_kind_name(hay)), false;
}

static bool compare_once(run *r, const char *op, value a, value b) {
    if (strcmp(op, "==") == 0) return v_equal(a, b);
    if (strcmp(op, "!=") == 0) return !v_equal(a, b);
    if (strcmp(op, "in") == 0) return contains(r, a, b);
    if (strcmp(op, "not in") == 0) return !contains(r, a, b);
    int c = v_compare(r, a, b);
    return op[0] == '<' ? (op[1] ? c <= 0 : c < 0) : (op[1] ? c >= 0 : c > 0);
}

static value eval_compare(run *r, frame *f, const node *x) {
    value a = eval(r, f, x->items.items[0]);
    for (size_t i = 1; i < x->items.n && !r->failed; i++) {
        value b = eval(r, f, x->items.items[i]);
        if (r->failed || !compare_once(r, x->ops[i - 1], a, b)) return v_bool(false);
        a = b;
    }
    return v_bool(!r->failed);
}

/* ---- calls ---- */

/* Where output goes, while a block's text is collected instead. */
typedef struct sink {
    buf out;
    text_span *spans;
    size_t n_spans, cap_spans;
} sink;

static sink redirect(run *r) {
    sink kept = { r->out, r->spans, r->n_spans, r->cap_spans };
    r->out = (buf){ .limit = kept.out.limit };
    r->spans = NULL;
    r->n_spans = r->cap_spans = 0;
    return kept;
}

static value collect(run *r, const sink *kept) {
    value v = v_text(r, buf_str(&r->out), r->out.len, r->spans, r->n_spans);
    buf_free(&r->out);
    free(r->spans);
    r->out = kept->out;
    r->spans = kept->spans;
    r->n_spans = kept->n_spans;
    r->cap_spans = kept->cap_spans;
    return v;
}

value call_macro(run *r, const macro *m, const call_args *a) {
    frame *f = new_frame(r, m->home);
    const arg_list *params = m->def->args;
    size_t position = 0;
    if (!f || ++r->depth > MAX_CALLS) return v_fail(r, "calls are nested too deeply");
    for (size_t i = 0; i < params->n && !r->failed; i++) {
        const value *given = arg(a, position++, params->names[i]);
        value v = given ? *given : params->values[i] ? eval(r, f, params->values[i]) : v_undefined(params->names[i]);
        frame_set(r, f, params->names[i], v);
    }
    if (m->caller.kind == V_MACRO) frame_set(r, f, "caller", m->caller);
    const value *caller = arg(a, SIZE_MAX, "caller");
    if (caller) frame_set(r, f, "caller", *caller);
    sink kept = redirect(r);
    exec_list(r, f, &m->def->body);
    r->depth--;
    return collect(r, &kept);
}

static value exec_loop(run *r, frame *home, const node *def, value items, int depth);

value call_value(run *r, value callee, const call_args *a) {
    if (r->failed) return callee;
    if (callee.kind == V_MACRO) return call_macro(r, callee.macro, a);
    if (callee.kind == V_FUNCTION) return call_function(r, callee.name, a);
    if (callee.kind == V_METHOD) return call_method(r, callee.method, a);
    if (callee.kind == V_LOOP && callee.loop->def->recursive && a->n) {
        return exec_loop(r, callee.loop->home, callee.loop->def, a->values[0], callee.loop->depth + 1);
    }
    if (callee.kind == V_UNDEFINED) return v_fail(r, "'%.60s' is undefined and cannot be called", callee.name);
    return v_fail(r, "%s cannot be called", v_kind_name(callee));
}

static value eval_name(frame *f, const char *name) {
    value *v = frame_find(f, name);
    if (v) return *v;
    return is_function(name) ? (value){ .kind = V_FUNCTION, .name = name } : v_undefined(name);
}

static value eval_items(run *r, frame *f, const node *x) {
    if (x->kind == N_DICT) {
        value d = v_dict(r);
        for (size_t i = 0; i + 1 < x->items.n && !r->failed; i += 2) {
            value key = eval(r, f, x->items.items[i]);
            dict_set(r, d.dict, key, eval(r, f, x->items.items[i + 1]));
        }
        return d;
    }
    value l = v_list(r, x->kind == N_TUPLE);
    for (size_t i = 0; i < x->items.n && !r->failed; i++) list_put(r, l.list, eval(r, f, x->items.items[i]));
    return l;
}

static value eval_filter(run *r, frame *f, const node *x, const value *block) {
    call_args args;
    value v = x->a ? (x->a->kind == N_FILTER && block ? eval_filter(r, f, x->a, block) : eval(r, f, x->a)) : *block;
    if (r->failed || !eval_args(r, f, x->args, &args)) return v;
    r->line = x->line;
    return find_filter(x->name)(r, v, &args);
}

static value eval_unary(run *r, frame *f, const node *x) {
    value v = eval(r, f, x->a);
    if (!numeric(v)) return r->failed ? v : v_fail(r, "'%s' is not defined for %s", x->name, v_kind_name(v));
    if (x->name[0] == '+') return v.kind == V_BOOL ? v_int(v.b) : v;
    return v.kind == V_FLOAT ? v_float(-v.f) : whole(v) == INT64_MIN ? v_fail(r, "an integer overflows") : v_int(-whole(v));
}

value eval(run *r, frame *f, const node *x) {
    call_args args;
    value v;
    if (!step(r, x->line)) return v_undefined("");
    switch (x->kind) {
    case N_LITERAL: return *x->literal;
    case N_NAME: return eval_name(f, x->name);
    case N_ATTR: v = eval(r, f, x->a); return r->failed ? v : get_attribute(r, v, x->name);
    case N_ITEM: v = eval(r, f, x->a); return r->failed ? v : get_item(r, v, eval(r, f, x->b));
    case N_SLICE: return eval_slice(r, f, x);
    case N_CALL: v = eval(r, f, x->a); return r->failed || !eval_args(r, f, x->args, &args) ? v : (r->line = x->line, call_value(r, v, &args));
    case N_FILTER: return eval_filter(r, f, x, NULL);
    case N_TEST: v = eval(r, f, x->a); return r->failed || !eval_args(r, f, x->args, &args) ? v : v_bool(find_test(x->name)(r, v, &args) != x->negated);
    case N_UNARY: return eval_unary(r, f, x);
    case N_BINARY: return eval_binary(r, f, x);
    case N_AND: v = eval(r, f, x->a); return r->failed || !v_truthy(v) ? v : eval(r, f, x->b);
    case N_OR: v = eval(r, f, x->a); return r->failed || v_truthy(v) ? v : eval(r, f, x->b);
    case N_NOT: v = eval(r, f, x->a); return v_bool(!v_truthy(v));
    case N_COND: return v_truthy(eval(r, f, x->a)) ? eval(r, f, x->b) : r->failed ? v_none() : x->c ? eval(r, f, x->c) : v_undefined("the condition is false and there is no else");
    case N_COMPARE: return eval_compare(r, f, x);
    case N_LIST: case N_TUPLE: case N_DICT: return eval_items(r, f, x);
    default: return v_fail(r, "a statement stands where a value is expected");
    }
}

/* ---- statements ---- */

static void print(run *r, const text *t) {
    size_t base = r->out.len;
    if (!buf_put(&r->out, t->s, t->n)) {
        v_fail(r, "the prompt grows beyond %zu bytes", r->out.limit);
        r->e->code = ERR_LIMIT;
        return;
    }
    for (size_t i = 0; i < t->n_spans; i++) {
        text_span s = { base + t->from_outside[i].from, base + t->from_outside[i].to };
        if (r->n_spans && r->spans[r->n_spans - 1].to == s.from) {
            r->spans[r->n_spans - 1].to = s.to;
            continue;
        }
        if (r->n_spans == r->cap_spans) r->spans = mem_must_grow(r->spans, r->cap_spans = r->cap_spans ? 2 * r->cap_spans : 64, sizeof *r->spans);
        r->spans[r->n_spans++] = s;
    }
}

static void print_value(run *r, value v) {
    text_builder b = { 0 };
    if (v.kind == V_STRING) {
        print(r, v.str);
        return;
    }
    build_value(r, &b, v);
    value s = build_done(r, &b);
    if (s.kind == V_STRING && !r->failed) print(r, s.str);
}

static void assign(run *r, frame *f, const node *target, value v) {
    if (r->failed) return;
    if (target->kind == N_NAME) {
        frame_set(r, f, target->name, v);
        return;
    }
    if (target->kind == N_TUPLE) {
        value_list *l = to_list(r, v);
        if (!l || l->n != target->items.n) {
            if (!r->failed) v_fail(r, "%zu names for %zu values", target->items.n, l ? l->n : 0);
            return;
        }
        for (size_t i = 0; i < l->n; i++) assign(r, f, target->items.items[i], l->items[i]);
        return;
    }
    value of = target->kind == N_ATTR ? eval(r, f, target->a) : v_none();
    if (of.kind != V_NAMESPACE) {
        v_fail(r, "only names and attributes of a namespace can be set");
        return;
    }
    dict_set(r, of.dict, v_string(r, target->name, strlen(target->name), false), v);
}

/* The text of a block, as a value. */
static value capture(run *r, frame *f, const node_list *body) {
    node def = { .kind = N_MACRO, .body = *body };
    arg_list none = { .n = 0 };
    def.args = &none;
    macro m = { &def, f, v_none() };
    call_args args = { .n = 0 };
    return call_macro(r, &m, &args);
}

static value_list *kept_items(run *r, frame *home, const node *def, const value_list *all) {
    value kept = v_list(r, false);
    for (size_t i = 0; i < all->n && !r->failed; i++) {
        frame *f = new_frame(r, home);
        if (!f) break;
        assign(r, f, def->a, all->items[i]);
        if (v_truthy(eval(r, f, def->c)) && !r->failed) list_put(r, kept.list, all->items[i]);
    }
    return kept.list;
}

static void run_loop(run *r, frame *home, const node *def, value items, int depth) {
    value_list *all = items.kind == V_UNDEFINED ? v_list(r, false).list : to_list(r, items);
    if (!all || r->failed) return;
    if (def->c) all = kept_items(r, home, def, all);
    if (!all->n) {
        exec_list(r, home, &def->other);
        return;
    }
    loop *l = arena_try(r->mem, 1, sizeof *l);
    if (!l) return (void)v_no_memory(r);
    *l = (loop){ all, 0, depth, def, home, v_undefined("") };
    for (; l->at < all->n && step(r, def->line); l->at++) {
        frame *f = new_frame(r, home);
        if (!f) return;
        assign(r, f, def->a, all->items[l->at]);
        frame_set(r, f, "loop", (value){ .kind = V_LOOP, .loop = l });
        exec_list(r, f, &def->body);
        int flow = r->flow;
        r->flow = FLOW_NEXT;
        if (flow == FLOW_BREAK) return;
    }
}

/* A recursive call of a loop: its text. */
static value exec_loop(run *r, frame *home, const node *def, value items, int depth) {
    if (depth > MAX_CALLS) return v_fail(r, "loops are nested too deeply");
    sink kept = redirect(r);
    run_loop(r, home, def, items, depth);
    return collect(r, &kept);
}

static value make_macro(run *r, frame *f, const node *def) {
    macro *m = arena_try(r->mem, 1, sizeof *m);
    if (!m) return v_no_memory(r);
    *m = (macro){ def, f, v_none() };
    return (value){ .kind = V_MACRO, .macro = m };
}

static void exec_call_block(run *r, frame *f, const node *x) {
    call_args args;
    value callee = eval(r, f, x->a->a);
    if (r->failed || !eval_args(r, f, x->a->args, &args)) return;
    if (args.n == JINJA_MAX_ARGS) return (void)v_fail(r, "too many arguments");
    args.names[args.n] = "caller";
    args.values[args.n++] = make_macro(r, f, x);
    value v = call_value(r, callee, &args);
    if (!r->failed) print_value(r, v);
}

static void exec(run *r, frame *f, const node *x) {
    value v;
    if (!step(r, x->line)) return;
    switch (x->kind) {
    case N_TEXT: print(r, &(text){ x->name, x->n_text, NULL, 0 }); return;
    case N_PRINT: v = eval(r, f, x->a); if (!r->failed) print_value(r, v); return;
    case N_IF: exec_list(r, f, v_truthy(eval(r, f, x->a)) ? &x->body : &x->other); return;
    case N_FOR: v = eval(r, f, x->b); if (!r->failed) run_loop(r, f, x, v, 0); return;
    case N_SET: assign(r, f, x->a, eval(r, f, x->b)); return;
    case N_SET_BLOCK: v = capture(r, f, &x->body); assign(r, f, x->a, x->b ? eval_filter(r, f, x->b, &v) : v); return;
    case N_MACRO: frame_set(r, f, x->name, make_macro(r, f, x)); return;
    case N_CALL_BLOCK: exec_call_block(r, f, x); return;
    case N_FILTER_BLOCK: v = capture(r, f, &x->body); v = r->failed ? v : eval_filter(r, f, x->a, &v); if (!r->failed) print_value(r, v); return;
    case N_SCOPE: exec_list(r, f, &x->body); return;
    case N_BREAK: r->flow = FLOW_BREAK; return;
    case N_CONTINUE: r->flow = FLOW_CONTINUE; return;
    default: v_fail(r, "a value stands where a statement is expected");
    }
}

bool exec_list(run *r, frame *f, const node_list *l) {
    for (size_t i = 0; i < l->n && !r->failed && r->flow == FLOW_NEXT; i++) exec(r, f, l->items[i]);
    return !r->failed;
}
