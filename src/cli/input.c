#include "cli/input.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/term.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_LIMIT = 256 << 20 };

static bool read_stdin(buf *b, err *e) {
    char block[65536];
    ssize_t n;
    b->limit = INPUT_LIMIT;
    while ((n = read(STDIN_FILENO, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(e, ERR_IO, "cannot read standard input: %s", strerror(errno));
        if (!buf_put(b, block, (size_t)n)) return err_set(e, ERR_LIMIT, "standard input is longer than %d MiB", INPUT_LIMIT >> 20);
    }
    return true;
}

static bool read_file(const char *path, buf *out, err *e) {
    size_t n;
    char *text = file_read(path, INPUT_LIMIT, &n, e);
    if (text) buf_put(out, text, n);
    free(text);
    return text != NULL;
}

bool input_text(const char *file, const char *argument, buf *out, err *e) {
    if (file && argument) return err_set(e, ERR_USAGE, "the text is given twice") || err_expected(e, "either --file or an argument");
    if (file) return read_file(file, out, e);
    if (argument && strcmp(argument, "-") != 0) return buf_puts(out, argument);
    if (!argument && term_is(STDIN_FILENO))
        return err_set(e, ERR_USAGE, "no text was given") || err_expected(e, "an argument, --file FILE, or text on standard input");
    return read_stdin(out, e);
}

void input_note_broken(const buf *text) {
    uint32_t cp;
    size_t at = 0, n = 0, first = 0;
    for (size_t len; at < text->len; at += len ? len : 1)
        if (!(len = utf8_decode(text->data + at, text->len - at, &cp)) && n++ == 0) first = at;
    if (n) fprintf(stderr, "pingti: note: the text is not all UTF-8 (first at byte %zu): each of %zu bytes is read as U+FFFD\n", first, n);
}

size_t input_printable(const char *s, size_t n, uint32_t *cp) {
    size_t len = utf8_decode(s, n, cp);
    bool control = *cp < 0x20 || (*cp >= 0x7f && *cp < 0xa0) || (*cp >= 0x200b && *cp <= 0x200f) || (*cp >= 0x2028 && *cp <= 0x202e) ||
                   (*cp >= 0x2066 && *cp <= 0x2069) || *cp == 0xfeff;
    return len && !control ? len : 0;
}
