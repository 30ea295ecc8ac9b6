/* The rules of the 2023 safetensors audit (Trail of Bits): header length, first byte, offsets, holes, overlaps, duplicates. */
#include "unit/hostile/build_file.h"

static void safetensors_audit_2023(buf *b) {
#define T(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
    safetensors_accepted("{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[]", "[8,12]") "}", 12);
    safetensors_accepted("{\"__metadata__\":{\"format\":\"pt\"},\"a\":" T("[2]", "[0,8]") "}   ", 8);
    safetensors_refused("{\"a\":" T("[2]", "[0,8]") "}", 7, "the file is truncated");
    safetensors_refused("{\"a\":" T("[2]", "[0,8]") "}", 9, "belong to none");
    safetensors_refused("{\"a\":" T("[2]", "[4,12]") "}", 12, "unused bytes");
    safetensors_refused("{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[2]", "[4,12]") "}", 12, "overlaps");
    safetensors_refused("{\"a\":" T("[3]", "[0,8]") "}", 8, "12 bytes for [3] of F32");
    safetensors_refused("{\"a\":" T("[2]", "[8,0]") "}", 8, "data_offsets");
    safetensors_refused("{\"a\":" T("[2]", "[-8,0]") "}", 8, "data_offsets");
    safetensors_refused("{\"a\":" T("[-2]", "[0,8]") "}", 8, "not a whole number");
    safetensors_refused("{\"a\":" T("[4294967296,4294967296]", "[0,0]") "}", 0, "overflows");
    safetensors_refused("{\"a\":" T("[4611686018427387904]", "[0,0]") "}", 0, "overflows");
    safetensors_refused("{\"a\":" T("[18446744073709551618]", "[0,8]") "}", 8, "tensor");
    safetensors_refused("{\"a\":" T("[2]", "[0,8]") ",\"a\":" T("[2]", "[8,16]") "}", 16, "not valid JSON");
    safetensors_refused("{\"a\":" T("[1,1,1,1,2]", "[0,8]") "}", 8, "too many dimensions");
    safetensors_refused("{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype");
    safetensors_refused("{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "wrong kind");
    safetensors_refused("{\"a\":[]}", 0, "not described by an object");
    safetensors_refused("{\"__metadata__\":{\"a\":1}}", 0, "not a string");
    safetensors_refused("[]", 0, "starting with");
    safetensors_refused("{\"\":" T("[2]", "[0,8]") "}", 8, "empty");
    enum { MANY = 9 << 20 }; /* would take gigabytes once parsed */
    put_le(b, MANY, 8);
    buf_puts(b, "{\"a\":[");
    while (b->len < 8 + MANY) buf_puts(b, ",");
    safetensors_bytes_refused(b->data, b->len, ERR_LIMIT, "too many values");
    buf_clear(b);
    put_le(b, 200, 8);
    buf_puts(b, "{");
    while (b->len < 8 + 200) buf_puts(b, "[");
    safetensors_bytes_refused(b->data, b->len, ERR_LIMIT, "nested too deeply");
    buf_clear(b);
    put_le(b, UINT64_MAX, 8); /* header length */
    buf_puts(b, "{}");
    safetensors_bytes_refused(b->data, b->len, ERR_FORMAT, "100000000");
    buf_clear(b);
    put_le(b, 3, 8);
    buf_puts(b, "{}");
    safetensors_bytes_refused(b->data, b->len, ERR_FORMAT, "does not fit in the file");
    safetensors_bytes_refused(b->data, 4, ERR_FORMAT, "not a safetensors file");
}

RUN_BYTES(safetensors_audit_2023)
