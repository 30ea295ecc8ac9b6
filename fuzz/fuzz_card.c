/* Model cards and names from arbitrary bytes. */
#include "base/mem.h"
#include "convert/model_card.h"
#include "convert/model_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    model_card c;
    model_card_parse(&c, (const char *)data, size);
    for (size_t i = 0; i < c.n; i++)
        for (size_t k = 0; k < c.entries[i].n; k++) {
            model_name n;
            char title[64];
            model_name_split(c.entries[i].items[k], 1000000, &n);
            model_name_title(c.entries[i].items[k], title, sizeof title);
        }
    model_card_free(&c);
    return 0;
}
