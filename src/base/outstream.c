#include "base/outstream.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refused(err *e, const char *path) {
    int why = errno;
    err_set(e, ERR_IO, "cannot write '%s'", path);
    err_got(e, "%s", strerror(why));
    return err_hint(e, why == ENOSPC || why == EDQUOT ? "make room on the device, or write elsewhere" : "give a file in a folder that is there and can be written to");
}

/* Also a link, such as /dev/stdout, even where it leads to a file: a rename would replace the link. */
static bool is_straight(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

bool outstream_possible(const char *path, err *e) {
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!*path) return err_set(e, ERR_USAGE, "the name of the file to write is empty") || err_hint(e, "give the name of a file to write");
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return refused(e, path);
    }
    char *copy = mem_must_copy(path, strlen(path));
    const char *needed = there && is_straight(path) ? path : dirname(copy); /* a rename writes to the folder */
    bool ok = access(needed, W_OK) == 0 || refused(e, path);
    free(copy);
    return ok;
}

bool outstream_open(outstream *o, const char *path, err *e) {
    *o = (outstream){ .path = mem_must_copy(path, strlen(path)) };
    if (!is_straight(path)) {
        o->part = mem_must(strlen(path) + 32, 1);
        sprintf(o->part, "%s.%ld.part", path, (long)getpid());
    }
    int fd = open(o->part ? o->part : path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (o->part ? O_EXCL | O_NOFOLLOW : O_TRUNC), 0666);
    o->f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (o->f) return true;
    refused(e, path);
    if (fd >= 0) close(fd);
    free(o->path);
    free(o->part);
    *o = (outstream){ 0 };
    return false;
}

bool outstream_finish(outstream *o, err *e) {
    bool ok = fflush(o->f) == 0 && !ferror(o->f);
    int why = errno;
    if (fclose(o->f) != 0 && ok) why = errno, ok = false;
    if (ok && o->part && rename(o->part, o->path) != 0) why = errno, ok = false;
    if (!ok && o->part) unlink(o->part);
    errno = why;
    if (!ok) refused(e, o->path);
    free(o->path);
    free(o->part);
    *o = (outstream){ 0 };
    return ok;
}
