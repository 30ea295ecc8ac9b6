/* The roofline picture (Williams, Waterman, Patterson: "Roofline", CACM 52(4), 2009) as SVG: how many operations a second a phase
 * reaches against how many it does for each byte it reads, below what memory and arithmetic allow. Both axes logarithmic. */
#include "base/cpu.h"
#include "base/outstream.h"
#include "cli/bench.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 980, HEIGHT = 640, LEFT = 92, RIGHT = 36, TOP = 92, BOTTOM = 74, MAX_POINTS = 256, MAX_BOXES = 2 * MAX_POINTS + 16 };

typedef struct point {
    double intensity, rate, share;
    char label[64];
    const char *colour;
} point;

typedef struct box {
    double x0, y0, x1, y1;
} box;

typedef struct plot {
    buf out;
    const json_t *machine;
    point points[MAX_POINTS];
    size_t n;
    double x0, x1, y0, y1; /* of the axes, as powers of ten */
    box boxes[MAX_BOXES];  /* taken by text and points */
    size_t n_boxes;
} plot;

static double real_of(const json_t *j, const char *key) { return json_number_value(js_get(j, key)); }

static double x_at(const plot *p, double v) { return LEFT + (log10(v) - p->x0) / (p->x1 - p->x0) * (WIDTH - LEFT - RIGHT); }
static double y_at(const plot *p, double v) { return HEIGHT - BOTTOM - (log10(v) - p->y0) / (p->y1 - p->y0) * (HEIGHT - TOP - BOTTOM); }

/* ---- marks ---- */

static void escaped(buf *b, const char *s) {
    for (; *s; s++) {
        if (*s == '<') buf_puts(b, "&lt;");
        else if (*s == '&') buf_puts(b, "&amp;");
        else if ((unsigned char)*s >= ' ') buf_putc(b, *s);
    }
}

static void line(plot *p, double xa, double ya, double xb, double yb, const char *style) {
    buf_printf(&p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", xa, ya, xb, yb, style);
}

/* White below the letters keeps them readable on lines; anchor: start, middle, end. */
static void text(plot *p, double x, double y, double size, const char *anchor, const char *colour, const char *s) {
    for (int halo = 1; halo >= 0; halo--) {
        buf_printf(&p->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" text-anchor=\"%s\" ", x, y, size, anchor);
        if (halo) buf_puts(&p->out, "fill=\"#fff\" stroke=\"#fff\" stroke-width=\"4\" stroke-linejoin=\"round\">");
        else buf_printf(&p->out, "fill=\"%s\">", colour);
        escaped(&p->out, s);
        buf_puts(&p->out, "</text>\n");
    }
}

static double width_of(const char *s, double size) { return 0.6 * size * (double)strlen(s); } /* of a common sans-serif face, on average */

static bool overlap(box a, box b) { return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1; }

static size_t overlaps(const plot *p, box b) {
    size_t n = b.x1 > WIDTH - 4 || b.x0 < LEFT || b.y0 < TOP - 12 || b.y1 > HEIGHT - BOTTOM;
    for (size_t i = 0; i < p->n_boxes; i++) n += overlap(b, p->boxes[i]);
    return n;
}

static void take(plot *p, box b) {
    if (p->n_boxes < MAX_BOXES) p->boxes[p->n_boxes++] = b;
}

/* ---- what is drawn ---- */

static void add_point(plot *p, const json_t *part, const char *colour, const char *label) {
    double bytes = real_of(part, "weight_bytes") + real_of(part, "cache_bytes"), ops = real_of(part, "ops");
    if (!(bytes > 0) || !(ops > 0) || p->n == MAX_POINTS) return;
    point *q = &p->points[p->n++];
    *q = (point){ .intensity = ops / bytes, .rate = real_of(part, "ops_per_second"), .share = real_of(part, "share"), .colour = colour };
    snprintf(q->label, sizeof q->label, "%s: %.0f %%", label, 100 * q->share);
}

static void collect(plot *p, const json_t *results) {
    static const char *const blue = "#1f6fb4", *const orange = "#d2660f", *const green = "#2b8a3e", *const violet = "#7b4fa3";
    char label[48];
    size_t i;
    json_t *j;
    json_array_foreach(results, i, j) {
        const char *kind = json_string_value(js_get(j, "kind"));
        long long n = (long long)json_integer_value(js_get(j, "sequences")), tokens = (long long)json_integer_value(js_get(j, "tokens"));
        long long depth = (long long)json_integer_value(js_get(j, "depth"));
        if (strcmp(kind, "batch") == 0) {
            snprintf(label, sizeof label, "%lld prompts", n);
            add_point(p, js_get(j, "prompt"), violet, label);
            snprintf(label, sizeof label, "%lld answers", n);
            add_point(p, js_get(j, "generate"), green, label);
        } else if (strcmp(kind, "prompt") == 0) {
            snprintf(label, sizeof label, "prompt %lld", tokens);
            add_point(p, j, blue, label);
        } else {
            snprintf(label, sizeof label, depth ? "generate at %lld" : "generate", depth);
            add_point(p, j, orange, label);
        }
    }
}

static void set_axes(plot *p) {
    double dram = real_of(p->machine, "dram_read_bytes_per_second"), top = real_of(p->machine, "int8_ops"), xa = 0.5, xb = 16 * top / dram, low = 0.5 * dram;
    for (size_t i = 0; i < p->n; i++) {
        xa = fmin(xa, p->points[i].intensity / 2);
        xb = fmax(xb, p->points[i].intensity * 3);
        low = fmin(low, p->points[i].rate / 2);
    }
    p->x0 = log10(xa);
    p->x1 = log10(xb);
    p->y0 = log10(low);
    p->y1 = log10(1.8 * fmax(top, fmax(real_of(p->machine, "bf16_flops"), real_of(p->machine, "f32_flops"))));
}

static void draw_grid(plot *p) {
    static const char *const major = "stroke=\"#d5d9de\" stroke-width=\"1\"", *const minor = "stroke=\"#eef0f2\" stroke-width=\"1\"";
    for (int axis = 0; axis < 2; axis++) {
        double lo = axis ? p->y0 : p->x0, hi = axis ? p->y1 : p->x1;
        for (int pass = 0; pass < 2; pass++) /* major lines over minor ones */
            for (int d = (int)floor(lo); d <= (int)ceil(hi); d++)
                for (int k = 1; k < 10; k++) {
                    double v = k * pow(10, d), at = log10(v);
                    if (at < lo || at > hi || (k == 1) != pass) continue;
                    if (axis) line(p, LEFT, y_at(p, v), WIDTH - RIGHT, y_at(p, v), pass ? major : minor);
                    else line(p, x_at(p, v), TOP, x_at(p, v), HEIGHT - BOTTOM, pass ? major : minor);
                    if (!pass) continue;
                    char number[32];
                    snprintf(number, sizeof number, "%g", v);
                    if (axis) text(p, LEFT - 10, y_at(p, v) + 4, 13, "end", "#444", bench_rate_short(v).text);
                    else text(p, x_at(p, v), HEIGHT - BOTTOM + 20, 13, "middle", "#444", number);
                }
    }
    line(p, LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "stroke=\"#555\" stroke-width=\"1.2\"");
    line(p, LEFT, TOP, LEFT, HEIGHT - BOTTOM, "stroke=\"#555\" stroke-width=\"1.2\"");
    text(p, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 26, 14, "middle", "#222", "operations for each byte read from memory");
    buf_printf(&p->out, "<text transform=\"translate(22 %.0f) rotate(-90)\" font-size=\"14\" text-anchor=\"middle\" fill=\"#222\">operations a second</text>\n",
               (TOP + HEIGHT - BOTTOM) / 2.0);
}

/* Bandwidth as a slope up to the highest peak, its name along it. */
static void draw_slope(plot *p, double bytes, const char *name, const char *style, const char *colour) {
    double top = pow(10, p->y1) / 1.8, xa = fmax(pow(10, p->x0), pow(10, p->y0) / bytes), xb = fmin(top / bytes, pow(10, p->x1)); /* top: the highest peak */
    if (!(bytes > 0) || xb <= xa) return;
    double ax = x_at(p, xa), ay = y_at(p, xa * bytes), bx = x_at(p, xb), by = y_at(p, xb * bytes);
    char label[64];
    line(p, ax, ay, bx, by, style);
    snprintf(label, sizeof label, "%s %s", name, bench_rate(bytes, "B/s").text);
    double turn = atan2(by - ay, bx - ax) * 180 / 3.14159265358979, w = width_of(label, 13), at = (w / 2 + 16) / hypot(bx - ax, by - ay);
    double mx = ax + at * (bx - ax), my = ay + at * (by - ay), dx = w / 2 * cos(turn * 3.14159265358979 / 180), dy = w / 2 * sin(turn * 3.14159265358979 / 180);
    buf_printf(&p->out, "<text transform=\"translate(%.1f %.1f) rotate(%.2f)\" font-size=\"13\" text-anchor=\"middle\" dy=\"-7\" fill=\"%s\">%s</text>\n", mx, my, turn,
               colour, label);
    for (int i = -4; i <= 4; i++) take(p, (box){ mx + dx * i / 4 - 14, my + dy * i / 4 - 22, mx + dx * i / 4 + 6, my + dy * i / 4 });
}

static void draw_peak(plot *p, const char *key, const char *name, const char *style) {
    double v = real_of(p->machine, key), dram = real_of(p->machine, "dram_read_bytes_per_second");
    char label[64];
    if (!(v > 0)) return;
    line(p, x_at(p, fmax(v / dram, pow(10, p->x0))), y_at(p, v), WIDTH - RIGHT, y_at(p, v), style);
    snprintf(label, sizeof label, "%s peak %s", name, bench_rate(v, "OP/s").text);
    text(p, WIDTH - RIGHT - 6, y_at(p, v) - 7, 13, "end", "#333", label);
    take(p, (box){ WIDTH - RIGHT - 6 - width_of(label, 13), y_at(p, v) - 20, WIDTH - RIGHT, y_at(p, v) });
}

/* The first of some places around the point that hides nothing; otherwise the one that hides least. */
static void draw_label(plot *p, const point *q) {
    static const double places[][2] = { { 12, 5 }, { -12, 5 }, { 12, 22 }, { 12, -12 }, { -12, 22 }, { -12, -12 }, { 24, 38 }, { -24, 38 }, { 24, -28 }, { -24, -28 },
                                        { 30, 56 }, { -30, 56 }, { 30, -46 }, { -30, -46 }, { 36, 74 }, { -36, 74 } };
    double x = x_at(p, q->intensity), y = y_at(p, q->rate), w = width_of(q->label, 13);
    size_t best = 0, least = SIZE_MAX;
    box taken = { 0, 0, 0, 0 };
    for (size_t i = 0; i < sizeof places / sizeof *places && least; i++) {
        double dx = places[i][0], ly = y + places[i][1];
        box b = { dx > 0 ? x + dx : x + dx - w, ly - 13, dx > 0 ? x + dx + w : x + dx, ly + 4 };
        size_t n = overlaps(p, b);
        if (n < least) least = n, best = i, taken = b;
    }
    double dx = places[best][0], dy = places[best][1];
    if (fabs(dy) > 23) line(p, x, y, x + dx - (dx > 0 ? 2 : -2), y + dy - 5, "stroke=\"#999\" stroke-width=\"0.8\"");
    text(p, x + dx, y + dy, 13, dx > 0 ? "start" : "end", q->colour, q->label);
    take(p, taken);
}

static void draw_points(plot *p) {
    for (size_t i = 0; i < p->n; i++) {
        double x = x_at(p, p->points[i].intensity), y = y_at(p, p->points[i].rate);
        take(p, (box){ x - 7, y - 7, x + 7, y + 7 });
    }
    for (size_t i = 0; i < p->n; i++) draw_label(p, &p->points[i]);
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&p->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\" fill=\"%s\" stroke=\"#fff\" stroke-width=\"1.5\"/>\n", x_at(p, p->points[i].intensity),
                   y_at(p, p->points[i].rate), p->points[i].colour);
}

static void draw(plot *p, const json_t *all) {
    const char *model = json_string_value(js_get(all, "model")), *base = model && strrchr(model, '/') && strrchr(model, '/')[1] ? strrchr(model, '/') + 1 : model;
    char title[200], below[300];
    buf_printf(&p->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                        "font-family=\"'Noto Sans','DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", WIDTH, HEIGHT, WIDTH, HEIGHT);
    snprintf(title, sizeof title, "%s%s%s", base ? base : "The machine", base ? " on " : ": ", cpu_model_name());
    snprintf(below, sizeof below, "%lld threads, kernels %s%s%s. Points: what was reached, and its share of the limit it is under.",
             (long long)json_integer_value(js_get(all, "threads")), json_string_value(js_get(all, "kernels")), base ? ", precision " : "",
             base ? json_string_value(js_get(all, "precision")) : "");
    text(p, LEFT, 38, 20, "start", "#111", title);
    text(p, LEFT, 62, 13, "start", "#555", below);
    draw_grid(p);
    draw_slope(p, real_of(p->machine, "l3_read_bytes_per_second"), "L3", "stroke=\"#9aa4af\" stroke-width=\"1.3\" stroke-dasharray=\"6 5\"", "#77808a");
    draw_peak(p, "f32_flops", "f32", "stroke=\"#9aa4af\" stroke-width=\"1.6\"");
    draw_peak(p, "bf16_flops", "bf16", "stroke=\"#6b7580\" stroke-width=\"1.8\"");
    draw_peak(p, "int8_ops", "int8", "stroke=\"#1c242c\" stroke-width=\"2.4\"");
    draw_slope(p, real_of(p->machine, "dram_read_bytes_per_second"), "memory", "stroke=\"#1c242c\" stroke-width=\"2.4\"", "#1c242c");
    draw_points(p);
    buf_puts(&p->out, "</svg>\n");
}

bool bench_plot(const char *path, const json_t *all, const json_t *machine, const json_t *results, err *e) {
    plot *p = mem_must(1, sizeof *p);
    p->machine = machine;
    collect(p, results);
    set_axes(p);
    draw(p, all);
    outstream out;
    bool ok = outstream_open(&out, path, e);
    if (ok) {
        fwrite(p->out.data, 1, p->out.len, out.f);
        ok = outstream_finish(&out, e);
    }
    buf_free(&p->out);
    free(p);
    return ok;
}
