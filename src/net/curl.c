#include "net/curl.h"
#include <dlfcn.h>
#include <stdio.h>

enum { OLDEST = 0x075500 /* 7.85: CURLOPT_PROTOCOLS_STR */ };

/* Debian's build with GnuTLS, which the packages ask for; else the one of every system. They are called alike. */
static const char *const sonames[] = { "libcurl-gnutls.so.4", "libcurl.so.4" };

static bool resolve(void *library, curl_library *out, err *e) {
    /* a pointer to a function from one to data: POSIX says so of dlsym */
#define FUNCTION(name) \
    if (!(*(void **)&out->name = dlsym(library, "curl_" #name))) return err_set(e, ERR_UNSUPPORTED, "this libcurl lacks curl_" #name);
#include "net/curl.def"
#undef FUNCTION
    const curl_version_info_data *v = out->version_info(CURLVERSION_NOW);
    if (v->version_num >= OLDEST) return true;
    return err_set(e, ERR_UNSUPPORTED, "this libcurl is too old") || err_expected(e, "7.85 or later") || err_got(e, "%s", v->version);
}

bool curl_open(curl_library *out, err *e) {
    void *library = NULL;
    char why[160] = "";
    for (size_t i = 0; i < sizeof sonames / sizeof *sonames && !library; i++) {
        library = dlopen(sonames[i], RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
        const char *said = library ? NULL : dlerror();
        if (said && !why[0]) snprintf(why, sizeof why, "%s", said);
    }
    if (library && resolve(library, out, e)) return true;
    if (!library) err_set(e, ERR_UNSUPPORTED, "pulling models needs libcurl, which cannot be opened"), err_got(e, "%s", why);
    return err_hint(e, "install it (Debian: apt install libcurl3-gnutls); or fetch the file yourself and give its path to -m");
}
