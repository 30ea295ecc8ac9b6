/* Chat templates: a sandboxed interpreter of the Jinja subset that published templates use. No file, no environment,
 * no attribute of the host is reachable; steps, depth and output are bounded; a construct outside the subset is an error
 * at load that names it. Rendering follows transformers' apply_chat_template byte for byte (ImmutableSandboxedEnvironment
 * with trim_blocks and lstrip_blocks, loopcontrols, tojson with ensure_ascii=False).
 * A template is immutable: any number of threads may render it. */
#ifndef PINGTI_TEXT_TEMPLATE_H
#define PINGTI_TEXT_TEMPLATE_H
#include "base/buf.h"
#include "base/json.h"
#include "text/span.h"
#include <time.h>

typedef struct chat_template chat_template;

typedef struct template_limits {
    size_t max_steps;   /* evaluated nodes; 0: 10 million */
    size_t max_output;  /* bytes; 0: 64 MiB */
    size_t max_memory;  /* bytes of values; 0: 256 MiB */
} template_limits;

typedef struct template_input {
    const json_t *messages;        /* array of {role, content, ...} */
    const json_t *tools;           /* array or NULL (= none in the template) */
    const json_t *documents;       /* array or NULL */
    const json_t *extra;           /* object of further variables (enable_thinking, ...), or NULL */
    const char *bos_token, *eos_token; /* spelling, "" when the model has none */
    const char *const *special_names;  /* further special tokens by name (pad_token, unk_token, ...): name, value, ..., NULL */
    bool add_generation_prompt;
    time_t now;                    /* for strftime_now; 0: the clock */
    template_limits limits;
} template_input;

/* The prompt and which of its bytes came from messages, tools, documents or extra. Free with template_output_free. */
typedef struct template_output {
    buf text;
    text_span *untrusted;
    size_t n_untrusted;
} template_output;

chat_template *chat_template_parse(const char *source, size_t n, err *e);
void chat_template_free(chat_template *t);
bool chat_template_render(const chat_template *t, const template_input *in, template_output *out, err *e);
void template_output_free(template_output *o);
#endif
