/* What comes from a hub or lies in the store: lists of files, Link headers, names, manifests, states of partial files. The first byte
 * says which; whatever is accepted must keep its promises. */
#include "net/manifest.h"
#include "net/part.h"
#include "net/pick.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
    if (!ok) abort();
}

static void list(const char *text, size_t n, bool modelscope) {
    listing l = { 0 };
    pick p = { 0 };
    err e = { 0 };
    repo_name name = { .owner = "o", .name = "n" };
    static const char *const all[] = { "*.json", "*" };
    bool ok = modelscope ? listing_add_modelscope(&l, text, n, &e) : listing_add_huggingface(&l, text, n, &e);
    must(ok || e.code != ERR_NONE);
    for (size_t i = 0; i < l.n; i++) must(repo_file_check(l.files[i].path, NULL) && (!l.files[i].sha256[0] || strlen(l.files[i].sha256) == 64));
    if (ok && pick_files(&p, &l, &name, all, n % 3, &e)) {
        if (l.n) pick_keep(&p, &l, l.files[n % l.n].path);
        pick_say_left_out(&p, &l);
        for (size_t i = 0; i < p.n; i++) {
            must(pick_name_free(p.names[i]) && !strchr(p.names[i], '/') && strlen(p.names[i]) <= REPO_NAME_MAX);
            for (size_t k = 0; k < i; k++) must(strcasecmp(p.names[k], p.names[i]) != 0);
        }
        must(p.variant[0] && p.variant[0] != '.' && !strchr(p.variant, '/'));
    }
    pick_free(&p);
    listing_free(&l);
}

static void names(const char *text) {
    repo_name n;
    size_t stem;
    unsigned part, parts;
    char q[REPO_QUANT_MAX], next[128];
    if (repo_name_parse(text, &n, NULL)) must(n.owner[0] && n.name[0] && !strchr(n.owner, '/') && !strstr(n.name, "..") && (!n.file[0] || repo_file_check(n.file, NULL)));
    if (repo_file_check(text, NULL)) must(text[0] && text[0] != '/' && strncmp(text, "../", 3) != 0 && !strstr(text, "/../"));
    if (repo_file_shard(text, &stem, &part, &parts)) must(stem > 0 && stem < strlen(text) && part <= parts);
    repo_file_quant(text, q);
    if (listing_next_page(text, next, sizeof next)) must(next[0] != 0);
}

static void state_of_part(const char *text, size_t n) {
    part p = { .size = 1000 };
    if (part_read_state(&p, text, n, NULL) && p.there.n) must(p.there.items[p.there.n - 1].to <= p.size);
    ranges_free(&p.there);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    char *text = malloc(size), commit[SHA256_HEX];
    size_t n = size - 1;
    manifest m;
    must(text != NULL);
    memcpy(text, data + 1, n);
    text[n] = 0;
    switch (data[0] % 6) {
    case 0: list(text, n, false); break;
    case 1: list(text, n, true); break;
    case 2: names(text); break;
    case 3: state_of_part(text, n); break;
    case 4:
        if (listing_read_commit(text, n, commit, NULL)) must(strspn(commit, "0123456789abcdef") == strlen(commit));
        break;
    default:
        if (manifest_parse(&m, text, n, "fuzz", NULL)) {
            for (size_t i = 0; i < m.n; i++) must(!strchr(m.files[i].name, '/') && m.files[i].name[0] != '.');
            manifest_free(&m);
        }
    }
    free(text);
    return 0;
}
