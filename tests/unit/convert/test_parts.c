/* The small parts of converting: what a model's name and card say, names of tensors both ways, files that appear whole. */
#include "base/file.h"
#include "base/outfile.h"
#include "convert/hf.h"
#include "convert/model_card.h"
#include "convert/model_name.h"
#include "model/arch.h"
#include "unit/check.h"
#include <sys/stat.h>
#include <unistd.h>

static void check_name(const char *id, uint64_t parameters, const char *org, const char *base, const char *tune, const char *version, const char *size) {
    model_name n;
    model_name_split(id, parameters, &n);
    assert_string_equal(n.organization, org);
    assert_string_equal(n.base, base);
    assert_string_equal(n.tune, tune);
    assert_string_equal(n.version, version);
    assert_string_equal(n.size, size);
}

static void test_names_of_models(void **unused) {
    (void)unused;
    char title[128];
    check_name("Qwen/Qwen2.5-0.5B-Instruct", 494000000, "Qwen", "Qwen2.5", "Instruct", "", "0.5B");
    check_name("mistralai/Mixtral-8x7B-v0.1", 0, "mistralai", "Mixtral", "", "v0.1", "8x7B");
    check_name("microsoft/Phi-3-mini-4k-instruct", 3800000000, "microsoft", "Phi-3", "4k-instruct", "", "mini");
    check_name("bigscience/bloom-7b1-petals", 7069000000, "bigscience", "bloom", "petals", "", "7.1B");
    check_name("NousResearch/Meta-Llama-3-8B", 0, "NousResearch", "Meta-Llama-3", "", "", "8B");
    check_name("Not a sensible sentence", 0, "", "", "", "", "");
    check_name("just-words", 0, "", "", "", "", "");
    model_name_title("deepseek-r1-distill-qwen-v1.5", title, sizeof title);
    assert_string_equal(title, "Deepseek R1 Distill Qwen v1.5");
    model_size_label(494032768, 0, 0, title, sizeof title);
    assert_string_equal(title, "494M");
    model_size_label(1600000000, 5600000000, 8, title, sizeof title);
    assert_string_equal(title, "8x7.2B");
}

static void test_model_cards(void **unused) {
    (void)unused;
    static const char text[] = "---\nlicense: apache-2.0 # a comment\ntags:\n- chat\n- \"two words\"\nlanguage: [en, 'zh']\nmodel-index:\n- name: x\n  license: nested\n---\nbody: no\n";
    model_card c;
    model_card_parse(&c, text, sizeof text - 1);
    assert_string_equal(model_card_text(&c, "license"), "apache-2.0");
    assert_int_equal(model_card_find(&c, "tags")->n, 2);
    assert_string_equal(model_card_find(&c, "tags")->items[1], "two words");
    assert_string_equal(model_card_find(&c, "language")->items[1], "zh");
    assert_null(model_card_text(&c, "body"));
    assert_null(model_card_text(&c, "model-index"));
    model_card_free(&c);
    model_card_parse(&c, "no front matter\n---\na: b\n", 25);
    assert_int_equal(c.n, 0);
    model_card_free(&c);
}

static void check_tensor(const char *type, const char *hf, const char *gguf) {
    char out[256];
    assert_true(gguf_name_of(arch_for_hf(type), hf, out));
    assert_string_equal(out, gguf);
}

static void test_names_of_tensors(void **unused) {
    (void)unused;
    char out[256];
    int layer, expert;
    check_tensor("qwen2", "model.layers.11.self_attn.q_proj.weight", "blk.11.attn_q.weight");
    check_tensor("mixtral", "model.layers.0.block_sparse_moe.experts.7.w3.weight", "blk.0.ffn_up_exps.weight");
    check_tensor("mixtral", "model.layers.0.mlp.experts.7.down_proj.weight", "blk.0.ffn_down_exps.weight");
    check_tensor("deepseek_v3", "model.layers.3.mlp.shared_experts.gate_proj.weight", "blk.3.ffn_gate_shexp.weight");
    check_tensor("llama", "blk.2.ffn_gate.5.weight", "blk.2.ffn_gate_exps.weight");
    assert_false(gguf_name_of(arch_for_hf("qwen2"), "model.layers.0.unknown.weight", out));
    assert_true(tensor_name_fits("a.%d.b.%d", "a.3.b.12", &layer, &expert) && layer == 3 && expert == 12);
    assert_false(tensor_name_fits("a.%d.b", "a.x.b", &layer, &expert));
    assert_false(tensor_name_fits("a.%d.b", "a.99999999999999999999.b", &layer, &expert));
    assert_false(tensor_name_fits("a.%d", "a.1b", &layer, &expert));
    for (size_t i = 0; i < tensor_names_count(); i++) { /* every pattern finds itself, and only names of its own */
        const char *hf = tensor_names_at(i)->hf;
        if (!hf) continue;
        tensor_name_fill(hf, 7, 0, out);
        assert_true(tensor_name_fits(hf, out, &layer, &expert));
        for (size_t k = 0; k < tensor_names_count(); k++) assert_true(k == i || !tensor_name_fits(tensor_names_at(k)->hf, out, &layer, &expert));
    }
}

static void test_files_appear_whole(void **unused) {
    (void)unused;
    char dir[] = "/tmp/pingti-outfile-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = file_join(dir, "x"), *part = file_join(dir, "x.part");
    outfile f, g;
    bool resumed;
    err e = { 0 };
    check_ok(outfile_open(&f, path, 10, true, &resumed, &e), &e);
    assert_false(resumed);
    check_ok(outfile_write(&f, 0, "0123456789", 10, &e), &e);
    check_ok(outfile_note(&f, "a\n", &e), &e);
    assert_false(outfile_open(&g, path, 10, true, &resumed, &e)); /* somebody writes it */
    outfile_close(&g, true);
    outfile_close(&f, true);
    assert_true(file_exists(part) && !file_exists(path));
    check_ok(outfile_open(&f, path, 10, true, &resumed, &e), &e);
    assert_true(resumed);
    char *notes = outfile_notes(&f), back[10];
    assert_string_equal(notes, "a\n");
    free(notes);
    check_ok(outfile_read(&f, 0, back, 10, &e), &e);
    assert_memory_equal(back, "0123456789", 10);
    check_ok(outfile_finish(&f, &e), &e);
    outfile_close(&f, true);
    assert_true(!file_exists(part) && file_exists(path));
    assert_false(outfile_open(&f, path, UINT64_C(1) << 60, false, &resumed, &e)); /* more than any disk */
    outfile_close(&f, false);
    assert_true(!file_exists(part) && file_exists(path));
    assert_false(outfile_open(&f, dir, 1, false, &resumed, &e));
    outfile_close(&f, false);
    unlink(path);
    rmdir(dir);
    free(path), free(part);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names_of_models), cmocka_unit_test(test_model_cards), cmocka_unit_test(test_names_of_tensors), cmocka_unit_test(test_files_appear_whole) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
