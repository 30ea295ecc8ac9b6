#include "format/foreign.h"
#include <stdio.h>
#include <string.h>

typedef struct signature {
    const char *bytes;
    size_t len;
    const char *is, *hint;
} signature;

#define SIGNATURE(text, is, hint) { text, sizeof text - 1, is, hint }
#define OLD_GGML "convert the original model to GGUF with a current converter"
#define FETCH "fetch the file itself again (a page or a pointer was saved in its place)"
static const signature known[] = {
    SIGNATURE("GGUF", "a GGUF file", "give its name with the ending .gguf"),
    SIGNATURE("FUGG", "a GGUF file whose bytes are reversed", "convert the model again for a little-endian machine"),
    SIGNATURE("lmgg", "a GGML file, the format before GGUF", OLD_GGML),
    SIGNATURE("fmgg", "a GGMF file, a format before GGUF", OLD_GGML),
    SIGNATURE("tjgg", "a GGJT file, a format before GGUF", OLD_GGML),
    SIGNATURE("version https://git-lfs", "a Git LFS pointer, not the file it points to", "run 'git lfs pull' where it was cloned"),
    SIGNATURE("<!DOCTYPE", "a web page", FETCH),
    SIGNATURE("<!doctype", "a web page", FETCH),
    SIGNATURE("<html", "a web page", FETCH),
    SIGNATURE("7z\xbc\xaf\x27\x1c", "a 7z archive", "pickled weights may hide inside: get the model as safetensors or GGUF"),
    SIGNATURE("\x1f\x8b", "a gzip archive", "unpack it first"),
    SIGNATURE("\x89HDF\r\n", "an HDF5 (Keras) file, whose layers may carry code", "get the model as safetensors or GGUF"),
};

static bool starts(const unsigned char *data, size_t size, const char *bytes, size_t len) {
    return size >= len && memcmp(data, bytes, len) == 0;
}

/* Protocol 2..5 pickles start with \x80 and the protocol; PyTorch's zip checkpoints are pickles too. */
bool foreign_is_pickle(const unsigned char *data, size_t size) {
    return starts(data, size, "PK\x03\x04", 4) || (size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5);
}

static void show_head(const unsigned char *data, size_t size, char *out, size_t cap) {
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < size && i < 8 && at + 4 < cap; i++) at += (size_t)snprintf(out + at, cap - at, "%s%02x", i ? " " : "", data[i]);
}

bool foreign_refuse(const unsigned char *data, size_t size, const char *wanted, const char *name, err *e) {
    char head[32];
    err_set(e, ERR_FORMAT, "'%s' is not a %s file", name, wanted);
    err_where(e, "%s, byte 0", name);
    if (size == 0) return err_got(e, "an empty file") || err_hint(e, "fetch it again");
    if (foreign_is_pickle(data, size))
        return err_got(e, "a Python pickle or a zip archive (PyTorch checkpoint)") ||
               err_hint(e, "loading a pickle runs code of whoever made it, so it is never opened: get or convert the model as safetensors or GGUF");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (starts(data, size, known[i].bytes, known[i].len)) return err_got(e, "%s", known[i].is) || err_hint(e, "%s", known[i].hint);
    show_head(data, size, head, sizeof head);
    return err_got(e, "%zu bytes starting %s", size, head) || err_hint(e, "check that this is the model's file and that it is complete: fetch it again");
}
