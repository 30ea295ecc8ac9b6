#include "cli/chat_line.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/term.h"
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 1000 };

struct line_reader {
    EditLine *el; /* NULL: not a terminal */
    History *history;
    char *history_path;
    const char *prompt;
    bool at_end;
    mbstate_t state;
};

static char *show_prompt(EditLine *el) {
    line_reader *r;
    el_get(el, EL_CLIENTDATA, &r);
    return (char *)(uintptr_t)r->prompt;
}

static volatile sig_atomic_t resumed; /* after Ctrl-Z and fg the terminal is as the shell left it */

static void on_resume(int number) {
    (void)number;
    resumed = 1;
}

static void take_terminal_back(EditLine *el) {
    resumed = 0;
    el_set(el, EL_PREP_TERM, 0);
    el_set(el, EL_PREP_TERM, 1);
    el_set(el, EL_REFRESH);
}

/* libedit's own reader goes on when a signal comes; this one gives up, so that Ctrl-C drops the line. */
static int read_char(EditLine *el, wchar_t *out) {
    line_reader *r;
    el_get(el, EL_CLIENTDATA, &r);
    for (;;) {
        char c;
        struct pollfd wait[] = { { STDIN_FILENO, POLLIN, 0 }, { interrupt_fd(), POLLIN, 0 } };
        int ready = poll(wait, 2, 250); /* another thread may have taken SIGCONT: look now and then */
        if (interrupt_seen()) return -1;
        if (resumed) take_terminal_back(el);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return (int)n;
        size_t used = mbrtowc(out, &c, 1, &r->state);
        if (used == (size_t)-1) {
            memset(&r->state, 0, sizeof r->state);
            continue; /* a byte that is no text in this locale */
        }
        if (used != (size_t)-2) return 1;
    }
}

/* "dir/name", its folders made for the owner alone. */
static char *history_file(void) {
    char *dir = cli_xdg_dir("XDG_STATE_HOME", ".local/state");
    if (!dir) return NULL;
    for (char *p = dir + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        mkdir(dir, 0700);
        *p = '/';
    }
    mkdir(dir, 0700);
    char *path = file_join(dir, "chat_history");
    free(dir);
    return path;
}

static void open_editing(line_reader *r) {
    HistEvent ev;
    if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
    r->el = el_init("pingti", stdin, stdout, stderr);
    if (!r->el) return;
    r->history = history_init();
    r->history_path = history_file();
    struct sigaction a = { .sa_handler = on_resume };
    sigemptyset(&a.sa_mask);
    sigaction(SIGCONT, &a, NULL);
    el_set(r->el, EL_CLIENTDATA, r);
    el_set(r->el, EL_PROMPT_ESC, show_prompt, '\1');
    el_set(r->el, EL_EDITOR, "emacs");
    el_set(r->el, EL_SIGNAL, 0);
    el_set(r->el, EL_GETCFN, read_char);
    history(r->history, &ev, H_SETSIZE, HISTORY_LINES);
    history(r->history, &ev, H_SETUNIQUE, 1);
    el_set(r->el, EL_HIST, history, r->history);
    el_set(r->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    if (r->history_path) history(r->history, &ev, H_LOAD, r->history_path);
}

line_reader *line_open(void) {
    line_reader *r = mem_must(1, sizeof *r);
    if (term_is(STDIN_FILENO) && term_is(STDOUT_FILENO)) open_editing(r);
    return r;
}

static void save_history(line_reader *r) {
    HistEvent ev;
    int fd = open(r->history_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return;
    fchmod(fd, 0600);
    close(fd);
    history(r->history, &ev, H_SAVE, r->history_path);
}

void line_close(line_reader *r) {
    if (!r) return;
    if (r->history && r->history_path) save_history(r);
    if (r->el) el_end(r->el);
    if (r->history) history_end(r->history);
    free(r->history_path);
    free(r);
}

bool line_is_terminal(const line_reader *r) { return r->el != NULL; }

static line_status edited_line(line_reader *r, const char *prompt, buf *out) {
    int n = 0;
    r->prompt = prompt;
    memset(&r->state, 0, sizeof r->state);
    el_resize(r->el);
    const char *line = el_gets(r->el, &n);
    if (interrupt_seen()) {
        el_reset(r->el);
        return LINE_INTERRUPTED;
    }
    if (!line || n <= 0) return LINE_END;
    buf_put(out, line, (size_t)n - (line[n - 1] == '\n'));
    return LINE_TEXT;
}

static line_status plain_line(line_reader *r, buf *out) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = r->at_end ? -1 : getline(&line, &cap, stdin);
    if (n > 0) buf_put(out, line, (size_t)n - (line[n - 1] == '\n'));
    free(line);
    r->at_end = n < 0;
    return n >= 0 ? LINE_TEXT : interrupt_seen() ? LINE_INTERRUPTED : LINE_END;
}

static line_status one_line(line_reader *r, const char *prompt, buf *out) {
    return r->el ? edited_line(r, prompt, out) : plain_line(r, out);
}

static bool ends_with(const buf *b, const char *tail) {
    size_t n = strlen(tail);
    return b->len >= n && memcmp(b->data + b->len - n, tail, n) == 0;
}

/* The rest of a block after its opening quotes. */
static line_status read_block(line_reader *r, buf *out) {
    static const char more[] = "... ";
    memmove(out->data, out->data + 3, out->len - 2);
    out->len -= 3;
    line_status s = LINE_TEXT;
    while (!ends_with(out, "\"\"\"") && s == LINE_TEXT) {
        if (out->len) buf_putc(out, '\n');
        s = one_line(r, more, out);
    }
    if (s == LINE_TEXT) out->data[out->len -= 3] = 0;
    if (s == LINE_TEXT && ends_with(out, "\n")) out->data[--out->len] = 0;
    return s == LINE_INTERRUPTED ? s : LINE_TEXT;
}

static void remember(line_reader *r, const buf *text) {
    HistEvent ev;
    if (r->history && text->len) history(r->history, &ev, H_ENTER, buf_str(text));
}

line_status line_read(line_reader *r, const char *prompt, buf *out) {
    buf_clear(out);
    line_status s = one_line(r, prompt, out);
    if (s != LINE_TEXT) return s;
    if (out->len >= 3 && memcmp(out->data, "\"\"\"", 3) == 0) s = read_block(r, out);
    else
        while (s == LINE_TEXT && ends_with(out, "\\")) {
            out->data[out->len - 1] = '\n';
            s = one_line(r, "... ", out);
        }
    if (s == LINE_INTERRUPTED) return s;
    remember(r, out);
    return LINE_TEXT;
}
