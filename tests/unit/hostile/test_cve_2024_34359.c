/* CVE-2024-34359: a chat template from a model file runs code (llama-cpp-python, Jinja SSTI). Here nothing of a host can be named: such attributes are undefined. */
#include "unit/check.h"
#include "text/template.h"

static void nothing_of_the_host_is_reachable(void **state) {
    (void)state;
    static const char *const attacks[] = {
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    };
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", "hello");
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        err e = { 0 };
        template_output out;
        template_input in = { .messages = messages };
        chat_template *t = chat_template_parse(attacks[i], strlen(attacks[i]), &e);
        bool rendered = t && chat_template_render(t, &in, &out, &e);
        if (rendered) { /* an undefined value prints as nothing */
            assert_string_equal(buf_str(&out.text), "");
            template_output_free(&out);
        } else assert_true(e.code == ERR_FORMAT || e.code == ERR_UNSUPPORTED);
        chat_template_free(t);
    }
    json_decref(messages);
}

static void an_honest_template_works(void **state) {
    (void)state;
    err e = { 0 };
    template_output out;
    const char *source = "{{ messages[0].content | upper }}";
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", "hello");
    template_input in = { .messages = messages };
    chat_template *t = chat_template_parse(source, strlen(source), &e);
    check_ok(t && chat_template_render(t, &in, &out, &e), &e);
    assert_string_equal(buf_str(&out.text), "HELLO");
    assert_int_equal(out.n_untrusted, 1);
    template_output_free(&out);
    chat_template_free(t);
    json_decref(messages);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_of_the_host_is_reachable), cmocka_unit_test(an_honest_template_works) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
