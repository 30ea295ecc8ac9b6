/* quantization_config of config.json: how the linear weights of a Hugging Face directory were quantized. What cannot be computed is
 * refused by its name. Shapes and most numbers come from the tensors themselves; what is read here is checked against them. */
#ifndef PINGTI_FORMAT_HFQUANT_H
#define PINGTI_FORMAT_HFQUANT_H
#include "base/json.h"

typedef enum hfquant_method { HFQUANT_NONE, HFQUANT_FP8, HFQUANT_GPTQ, HFQUANT_AWQ, HFQUANT_COMPRESSED } hfquant_method;

typedef struct hfquant {
    hfquant_method method;
    uint32_t bits;          /* GPTQ, AWQ: of every module, unless mixed */
    int64_t group;          /* GPTQ, AWQ: columns of a group; -1: one group a row */
    bool mixed;             /* GPTQ: some modules have other bits or groups ("dynamic") */
    bool zeros_stored_less_one; /* GPTQ before gptq_v2 */
    bool symmetric;         /* GPTQ */
    uint32_t block[2];      /* compressed-tensors in blocks: rows and columns of one; 0: none */
} hfquant;

bool hfquant_read(const json_t *config, hfquant *q, err *e);
#endif
