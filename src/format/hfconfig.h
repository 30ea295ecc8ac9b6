/* The JSON side of a Hugging Face model directory: config.json, generation_config.json, tokenizer_config.json and the chat
 * template in any of its three places (chat_template.jinja, chat_template.json, tokenizer_config.json's chat_template,
 * a string or a list of {name, template}). Borrowed values live as long as the hfconfig. */
#ifndef PINGTI_FORMAT_HFCONFIG_H
#define PINGTI_FORMAT_HFCONFIG_H
#include "base/json.h"

typedef struct hfconfig {
    json_t *config;            /* never NULL; text_config is merged up for multimodal configs */
    json_t *generation;        /* or NULL */
    json_t *tokenizer;         /* tokenizer_config.json, or NULL */
    char *chat_template;       /* NUL-terminated, or NULL */
    char *tool_template;       /* the template named "tool_use", or NULL */
} hfconfig;

bool hfconfig_open(hfconfig *c, const char *dir, err *e);
/* From the texts of config.json and tokenizer_config.json (or NULL) in memory: for tests and fuzzing. */
bool hfconfig_from_text(hfconfig *c, const char *config, size_t config_len, const char *tokenizer, size_t tokenizer_len, err *e);
void hfconfig_close(hfconfig *c);

/* Rope settings in the old (rope_theta + rope_scaling) or the new (rope_parameters) spelling, as one object with
 * rope_theta, rope_type ("default", "linear", "dynamic", "llama3", "yarn", "longrope"), factor, ...; a new reference.
 * rope_parameters that differ per layer type are refused unless all are equal. */
json_t *hfconfig_rope(const json_t *config, err *e);
#endif
