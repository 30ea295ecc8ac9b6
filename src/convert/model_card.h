/* The front matter of a model's README.md: keys with a text or a list of texts, the part of YAML that model cards are written in. Nested
 * values (evaluation results) are passed over. Owned by the caller. */
#ifndef PINGTI_CONVERT_MODEL_CARD_H
#define PINGTI_CONVERT_MODEL_CARD_H
#include <stddef.h>

typedef struct card_entry {
    char *key;
    char **items;
    size_t n;
} card_entry;

typedef struct model_card {
    card_entry *entries;
    size_t n;
} model_card;

/* Empty where there is no README.md, or none with front matter. */
void model_card_read(model_card *c, const char *dir);
void model_card_parse(model_card *c, const char *text, size_t n);
void model_card_free(model_card *c);
const card_entry *model_card_find(const model_card *c, const char *key);
const char *model_card_text(const model_card *c, const char *key); /* the first item, or NULL */
#endif
