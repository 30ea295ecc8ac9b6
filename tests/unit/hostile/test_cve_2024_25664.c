/* CVE-2024-25664 to CVE-2024-25668: counts of keys, tensors and array elements larger than the file. */
#include "unit/hostile/build_file.h"

static void cve_2024_25664(buf *b) {
    const uint64_t each[] = { 1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8 };
    gguf_head(b, (uint64_t)1 << 61, (uint64_t)1 << 61);
    gguf_refused(b, ERR_FORMAT, "number of tensors");
    for (uint32_t of = 0; of < GGUF_TYPE_COUNT; of++) {
        if (!each[of]) continue;
        gguf_head(b, 0, 1); /* the product with the element size is small again */
        put_key_array(b, "a", of, each[of] == 1 ? UINT64_MAX : UINT64_MAX / each[of] + 2);
        put_data(b, 32, 64);
        gguf_refused(b, ERR_FORMAT, "too large");
        gguf_head(b, 0, 1); /* one element more than there is */
        put_key_array(b, "a", of, 3);
        for (uint64_t i = 0; i < 2 * each[of]; i++) buf_putc(b, 0);
        gguf_refused(b, ERR_FORMAT, "end");
        for (uint64_t i = 0; i < each[of]; i++) buf_putc(b, 0);
        gguf_accepted(b);
    }
}

RUN_BYTES(cve_2024_25664)
