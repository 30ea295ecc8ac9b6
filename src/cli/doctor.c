/* pingti doctor: what this machine can do, and why something is unused. Exit status 1 only when something is broken. */
#include "backend/backend.h"
#include "base/cpu.h"
#include "base/file.h"
#include "cli/common_options.h"
#include "cli/model_path.h"
#include "cli/out.h"
#include "cli/term.h"
#include "net/http.h"
#include <histedit.h>
#include <langinfo.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>

typedef struct doctor_options {
    model_choice choice;
    engine_options engine;
    bool json;
} doctor_options;

#define AT(member) offsetof(doctor_options, member)
static const opt_row rows[] = {
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "findings as JSON" },
};
#undef AT
static const opt_table table = { "Output", ROWS(rows) };

typedef enum verdict { GOOD, NOTE, BROKEN } verdict;

typedef struct report {
    json_t *findings; /* of {topic, verdict, text} */
    bool broken;
} report;

static void say(report *r, verdict v, const char *topic, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void say(report *r, verdict v, const char *topic, const char *fmt, ...) {
    static const char *const names[] = { "good", "note", "broken" };
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(r->findings, json_pack("{s:s, s:s, s:o}", "topic", topic, "verdict", names[v], "text", out_json_text(text, strlen(text))));
    r->broken |= v == BROKEN;
}

/* The first line of a small system file. */
static bool first_line(const char *path, char *out, size_t cap) {
    FILE *f = fopen(path, "r");
    bool ok = f && fgets(out, (int)cap, f);
    if (ok) out[strcspn(out, "\n")] = 0;
    if (f) fclose(f);
    return ok;
}

static void check_processor(report *r) {
    const char *asked = getenv("PINGTI_ISA");
    cpu_isa best = cpu_best_isa(), used = cpu_chosen_isa(), wanted;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    char quota[64];
    say(r, GOOD, "processor", "%s", cpu_model_name());
    if (online > cpu_count()) say(r, NOTE, "cores", "%d of %ld: this process is held to these (affinity)", cpu_count(), online);
    else say(r, GOOD, "cores", "%d", cpu_count());
    long long allowed, period;
    if (first_line("/sys/fs/cgroup/cpu.max", quota, sizeof quota) && sscanf(quota, "%lld %lld", &allowed, &period) == 2 && period > 0)
        say(r, (double)allowed < (double)period * cpu_count() ? NOTE : GOOD, "cpu quota", "%.1f processors by the cgroup%s",
            (double)allowed / (double)period, (double)allowed < (double)period * cpu_count() ? ": more --threads than that only wait" : "");
    if (asked && *asked && !cpu_isa_from_name(asked, &wanted))
        say(r, BROKEN, "instructions", "PINGTI_ISA=%s names no instruction set (scalar, avx2, avxvnni, avx512, avx512vnni, avx512bf16, neon, dotprod, i8mm): using %s",
            asked, cpu_isa_name(used));
    else if (used < best) say(r, NOTE, "instructions", "%s: lowered by PINGTI_ISA=%s; this machine has %s", cpu_isa_name(used), asked, cpu_isa_name(best));
    else if (best == CPU_SCALAR) say(r, NOTE, "instructions", "scalar: neither AVX2 with FMA and F16C nor NEON here; every model runs, slowly");
    else say(r, GOOD, "instructions", "%s", cpu_isa_name(used));
}

static void check_memory(report *r) {
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char line[128];
    if (cpu_memory_bytes() < all)
        say(r, NOTE, "memory", "%s, held to %s by the cgroup; %s available", show_bytes(all).text, show_bytes(cpu_memory_bytes()).text, show_bytes(cpu_memory_available()).text);
    else say(r, GOOD, "memory", "%s, %s available", show_bytes(all).text, show_bytes(cpu_memory_available()).text);
    if (first_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line))
        say(r, strstr(line, "[never]") ? NOTE : GOOD, "huge pages", "transparent: %s%s", line,
            strstr(line, "[never]") ? " (madvise or always makes large caches a little faster)" : "");
    else say(r, NOTE, "huge pages", "this kernel does not tell");
}

static void check_backends(report *r) {
    for (size_t i = 0; i < backend_count(); i++) {
        const char *name = backend_at(i)->name;
        if (strcmp(name, "cpu") == 0) say(r, GOOD, "backend cpu", "ready, kernels: %s%s", backend_kernels_name(), i ? "" : ", the default");
        else if (strcmp(name, "cpu_ref") == 0) say(r, GOOD, "backend cpu_ref", "ready, scalar reference: the specification, slow");
        else say(r, GOOD, "backend", "%s: ready%s", name, i ? "" : ", the default");
    }
    if (!backend_find("cuda")) {
        bool gpu = file_exists("/proc/driver/nvidia/version") || file_exists("/dev/nvidia0");
        say(r, gpu ? NOTE : GOOD, "backend cuda", "not built: this version computes on processors alone%s", gpu ? "; the NVIDIA GPU here is unused" : "");
    }
}

static void check_libraries(report *r) {
    char pcre[64] = "";
    pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    uint32_t jit = 0;
    pcre2_config(PCRE2_CONFIG_JIT, &jit);
    say(r, GOOD, "libraries", "jansson %s, PCRE2 %s%s, utf8proc %s, libsodium %s, libedit %d.%d", jansson_version_str(), pcre, jit ? " (JIT)" : "",
        utf8proc_version(), sodium_version_string(), LIBEDIT_MAJOR, LIBEDIT_MINOR);
    if (!jit) say(r, NOTE, "PCRE2", "has no JIT: tokenizing is slower");
    if (sodium_init() < 0) say(r, BROKEN, "libsodium", "does not start: no random numbers from the system");
}

static void check_pulling(report *r, const doctor_options *o) {
    char *dir = models_dir(o->choice.models, NULL);
    err why = { 0 };
    const char *all = http_library(&why);
    if (!all) say(r, NOTE, "pulling models", "not possible: %s; %s", why.what, why.hint);
    else { /* "libcurl/7.88.1 GnuTLS/3.7.9 zlib/..." */
        size_t n = strcspn(all, " ");
        n += all[n] ? 1 + strcspn(all + n + 1, " ") : 0;
        say(r, GOOD, "pulling models", "%.*s", (int)n, all);
    }
    say(r, dir ? GOOD : NOTE, "models", "%s", dir ? dir : "no place for pulled ones: HOME is not set");
    free(dir);
}

static void check_surroundings(report *r) {
    char *config = cli_config_path(), *state = cli_xdg_dir("XDG_STATE_HOME", ".local/state"), *cache = cli_xdg_dir("XDG_CACHE_HOME", ".cache");
    bool there = config && *config && file_exists(config);
    bool named = getenv("PINGTI_CONFIG") != NULL;
    if (config && !*config) say(r, GOOD, "config file", "none: turned off by PINGTI_CONFIG=");
    else if (there && access(config, R_OK) != 0) say(r, BROKEN, "config file", "%s cannot be read", config);
    else say(r, named && !there ? BROKEN : GOOD, "config file", "%s%s", config ? config : "none: HOME is not set", there ? "" : config ? " (not there)" : "");
    say(r, GOOD, "chat history", "%s", state ? state : "not kept: HOME is not set");
    say(r, GOOD, "cache", "%s", cache ? cache : "none: HOME is not set");
    const char *codeset = nl_langinfo(CODESET);
    if (strcmp(codeset, "UTF-8") == 0) say(r, GOOD, "locale", "UTF-8");
    else say(r, NOTE, "locale", "%s: typing other than ASCII in chat needs UTF-8; set LANG=C.UTF-8", codeset);
    free(config);
    free(state);
    free(cache);
}

static const char *next_env(const void *ctx, size_t i) {
    (void)ctx;
    static char name[80];
    for (size_t c = 0; c < cli_n_commands(); c++) {
        const opt_spec *spec = &cli_command(c, NULL)->spec;
        for (size_t p = 0; p < spec->n_parts; p++) {
            const opt_table *t = spec->parts[p].table;
            if (i >= t->n) {
                i -= t->n;
                continue;
            }
            opt_env_name(t->rows[i].name, name, sizeof name);
            return name;
        }
    }
    return NULL;
}

static bool is_option_env(const char *entry, size_t len) {
    const char *name;
    for (size_t i = 0; (name = next_env(NULL, i)); i++)
        if (strlen(name) == len && memcmp(name, entry, len) == 0) return true;
    return false;
}

/* Which PINGTI_ variables have an effect; one that has none is likely misspelt. */
static void check_environment(report *r) {
    static const char *const others[] = { "PINGTI_ISA", "PINGTI_PIN", "PINGTI_CONFIG", "PINGTI_DATA", "PINGTI_PROGRAM" };
    for (char **p = environ; *p; p++) {
        size_t len = strcspn(*p, "=");
        if (strncmp(*p, "PINGTI_", 7) != 0) continue;
        bool known = is_option_env(*p, len);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) known |= strlen(others[i]) == len && memcmp(others[i], *p, len) == 0;
        if (known) say(r, GOOD, "environment", "%s", *p);
        else say(r, NOTE, "environment", "%.*s: no option has this name, it does nothing", (int)len, *p);
    }
}

static void check_model(report *r, const doctor_options *o, opt_state *state) {
    err e = { 0 };
    memory_plan p;
    runner_options ro;
    model_source *s = NULL;
    model *m = NULL;
    const char *path = choice_path(state, &o->choice, NULL, &e);
    bool ok = path && engine_runner_options(&o->engine, &ro, &e) && (s = model_source_open(path, &e)) && (m = model_open(s, &e)) && memory_plan_make(&p, m, &ro, &e);
    if (!ok) {
        char text[900];
        err_format(&e, text, sizeof text);
        say(r, BROKEN, "model", "%s", text);
    } else {
        say(r, p.context_lowered ? NOTE : GOOD, "model", "fits: %s to allocate of %s available, %s of weights mapped, context %u%s", show_bytes(p.total).text,
            show_bytes(p.available).text, show_bytes(p.weights_mapped).text, p.context, p.context_lowered ? " (lowered from the model's own)" : "");
        if (p.weights_mapped > cpu_memory_bytes())
            say(r, NOTE, "model", "the weights (%s) are larger than memory (%s): every token reads them from the disk again", show_bytes(p.weights_mapped).text, show_bytes(cpu_memory_bytes()).text);
    }
    if (m) model_close(m);
    model_source_close(s);
}

static void print_report(const report *r) {
    static const char *const marks[] = { "ok  ", "note", "BAD " };
    static const char *const colours[] = { TERM_GREEN, TERM_YELLOW, TERM_RED };
    size_t i;
    json_t *f;
    json_array_foreach(r->findings, i, f) {
        const char *verdict = json_string_value(js_get(f, "verdict"));
        int v = verdict[0] == 'g' ? GOOD : verdict[0] == 'n' ? NOTE : BROKEN;
        out_printf("%s%s%s  %-15s %s\n", term_seq(1, colours[v]), marks[v], term_seq(1, TERM_PLAIN), json_string_value(js_get(f, "topic")), json_string_value(js_get(f, "text")));
    }
}

static int run(const void *options, opt_state *s) {
    const doctor_options *o = options;
    report r = { json_array(), false };
    say(&r, GOOD, "pingti", "%s", PINGTI_VERSION);
    check_processor(&r);
    check_memory(&r);
    check_backends(&r);
    check_libraries(&r);
    check_pulling(&r, o);
    check_surroundings(&r);
    check_environment(&r);
    if (o->choice.model) check_model(&r, o, s);
    if (o->json) out_json(json_pack("{s:b, s:O}", "broken", (int)r.broken, "findings", r.findings), true);
    else print_report(&r);
    json_decref(r.findings);
    return out_failed() ? out_status() : r.broken ? EXIT_ERROR : EXIT_OK;
}

static const opt_part parts[] = { PART(model_choice_table, doctor_options, choice), { &table, 0 }, PART(engine_table, doctor_options, engine) };

const command command_doctor = {
    { "doctor", "doctor [-m MODEL] [options]",
      "Says what this machine can do and why something is unused: processor and instruction sets, memory and its limits, backends, "
      "libraries, the config file and environment in effect, the locale. With -m also whether the model fits, and why not. The exit "
      "status is 1 only when something is broken.",
      "  pingti doctor\n"
      "  pingti doctor -m model.gguf -c 32k --cache-type q8_0\n",
      parts, sizeof parts / sizeof *parts, 0, 0 },
    sizeof(doctor_options), run,
};
