/* Writing GGUF v3: metadata and a plan of tensors first, which give the file's header and the place of every tensor; the data is then
 * written at those places by whoever has it (base/outfile.h). Owned by the caller; one thread while it is filled, any after. */
#ifndef PINGTI_FORMAT_GGUF_WRITE_H
#define PINGTI_FORMAT_GGUF_WRITE_H
#include "base/buf.h"
#include "format/gguf.h"

typedef struct gguf_writer gguf_writer;

gguf_writer *gguf_writer_new(void);
void gguf_writer_free(gguf_writer *w);

/* A key that was there gets the new value, in its old place. */
void gguf_set_u16(gguf_writer *w, const char *key, uint16_t v);
void gguf_set_u32(gguf_writer *w, const char *key, uint32_t v);
void gguf_set_i32(gguf_writer *w, const char *key, int32_t v);
void gguf_set_u64(gguf_writer *w, const char *key, uint64_t v);
void gguf_set_f32(gguf_writer *w, const char *key, float v);
void gguf_set_bool(gguf_writer *w, const char *key, bool v);
void gguf_set_str(gguf_writer *w, const char *key, const char *text);
void gguf_set_text(gguf_writer *w, const char *key, const char *text, size_t n);
void gguf_set_texts(gguf_writer *w, const char *key, const gguf_text *texts, size_t n);
/* n elements of a scalar type as they lie in memory. */
void gguf_set_array(gguf_writer *w, const char *key, gguf_type of, const void *elements, size_t n);
void gguf_set_copy(gguf_writer *w, const gguf *g, size_t i); /* key i of another file, unchanged */
void gguf_unset(gguf_writer *w, const char *key);
bool gguf_is_set(const gguf_writer *w, const char *key);
size_t gguf_n_set(const gguf_writer *w);

/* dims outermost first. Returns the tensor's number; its rows must be whole blocks of a type that GGUF has. */
size_t gguf_add_tensor(gguf_writer *w, const char *name, dtype type, uint32_t n_dims, const uint64_t *dims);
/* Every byte before the data, padding included; then where tensor i begins and how large the file becomes. */
void gguf_header(const gguf_writer *w, buf *out);
uint64_t gguf_tensor_at(const gguf_writer *w, size_t i); /* from the beginning of the data */
uint64_t gguf_tensor_size(const gguf_writer *w, size_t i);
uint64_t gguf_data_bytes(const gguf_writer *w);
#endif
