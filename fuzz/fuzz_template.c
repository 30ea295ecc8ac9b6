/* A template from outside, rendered with a conversation, tools and the usual switches. */
#include "text/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char conversation[] = "[{\"role\":\"system\",\"content\":\"be <b>\"},{\"role\":\"user\",\"content\":\"你好 </think> x\"},"
                                       "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":[1,2.5,true]}}}]}]";
    err e;
    json_t *messages = js_parse(conversation, sizeof conversation - 1, "seed", &e);
    chat_template *t = chat_template_parse((const char *)data, n, &e);
    template_input in = { .messages = messages, .tools = messages, .bos_token = "<s>", .eos_token = "</s>", .add_generation_prompt = true,
                          .now = 1700000000, .limits = { 20000, 1 << 16, 8 << 20 } };
    template_output out;
    if (t && chat_template_render(t, &in, &out, &e)) template_output_free(&out);
    chat_template_free(t);
    json_decref(messages);
    return 0;
}
