#include "text/regex.h"
#include "base/mem.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

struct regex {
    pcre2_code *code;
    char pattern[96];
};

struct regex_run {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

enum { MAX_PATTERN = 1 << 16, MATCH_LIMIT = 20000000, DEPTH_LIMIT = 100000, STACK_START = 64 << 10, STACK_MAX = 16 << 20 };

regex *regex_new(const char *pattern, size_t n, err *e) {
    int code = 0;
    size_t at = 0;
    if (n > MAX_PATTERN) return err_set(e, ERR_LIMIT, "a regular expression of the tokenizer is too long"), NULL;
    regex *r = mem_must(1, sizeof *r);
    snprintf(r->pattern, sizeof r->pattern, "%.*s", (int)(n < 90 ? n : 90), pattern);
    buf translated = { 0 };
    if (!regex_to_pcre2(pattern, n, &translated, e)) {
        buf_free(&translated);
        free(r);
        return NULL;
    }
    /* ^ and $ are line anchors in the dialect of tokenizer.json */
    r->code = pcre2_compile((PCRE2_SPTR)buf_str(&translated), translated.len, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code, &at, NULL);
    buf_free(&translated);
    if (r->code) {
        pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without JIT the interpreter matches the same */
        return r;
    }
    char why[160];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    err_set(e, ERR_UNSUPPORTED, "a regular expression of the tokenizer cannot be used");
    err_got(e, "'%s'", r->pattern);
    err_where(e, "offset %zu: %s", at, why);
    free(r);
    return NULL;
}

void regex_free(regex *r) {
    if (!r) return;
    pcre2_code_free(r->code);
    free(r);
}

regex_run *regex_run_new(const regex *r) {
    regex_run *run = mem_must(1, sizeof *run);
    run->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    run->context = pcre2_match_context_create(NULL);
    run->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
    pcre2_jit_stack_assign(run->context, NULL, run->stack);
    pcre2_set_match_limit(run->context, MATCH_LIMIT);
    pcre2_set_depth_limit(run->context, DEPTH_LIMIT);
    return run;
}

void regex_run_free(regex_run *run) {
    if (!run) return;
    pcre2_match_data_free(run->match);
    pcre2_match_context_free(run->context);
    pcre2_jit_stack_free(run->stack);
    free(run);
}

int regex_next(const regex *r, regex_run *run, const char *text, size_t n, size_t at, size_t *from, size_t *to, err *e) {
    int rc = pcre2_match(r->code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK, run->match, run->context);
    if (rc == PCRE2_ERROR_NOMATCH) return 0;
    if (rc < 0) {
        err_set(e, ERR_LIMIT, "splitting the text takes too long for the tokenizer's regular expression '%s'", r->pattern);
        err_got(e, "PCRE2 error %d at byte %zu", rc, at);
        err_hint(e, "split the text into smaller parts");
        return -1;
    }
    const size_t *ov = pcre2_get_ovector_pointer(run->match);
    *from = ov[0];
    *to = ov[1];
    return 1;
}
