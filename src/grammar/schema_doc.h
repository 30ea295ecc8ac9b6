/* A schema's document: its resources ($id), anchors and references, and where each part stands (a JSON pointer, for messages).
 * Nothing outside the document is ever fetched. */
#ifndef PINGTI_GRAMMAR_SCHEMA_DOC_H
#define PINGTI_GRAMMAR_SCHEMA_DOC_H
#include "base/json.h"
#include "base/map.h"
#include "grammar/effort.h"

typedef struct schema_resource {
    const char *uri;
    const json_t *root;
} schema_resource;

typedef struct schema_doc {
    effort *w;
    json_t *root;
    map *places;   /* address of an object -> index of parts */
    struct schema_part *parts;
    size_t n_parts, cap_parts;
    schema_resource *resources;
    size_t n_resources, cap_resources;
    map *anchors;  /* "resource#name" -> index of parts */
    map *dynamic;  /* the same, dynamic ones alone */
} schema_doc;

typedef struct schema_part {
    const json_t *json;
    const char *pointer;
    uint32_t resource;
} schema_part;

bool schema_doc_open(schema_doc *d, const char *text, size_t n, effort *w);
void schema_doc_close(schema_doc *d);
const schema_part *schema_doc_part(const schema_doc *d, const json_t *object); /* NULL: not an object of the document */

/* What a reference in a schema names. For $dynamicRef, *dynamic is its anchor when the target is a dynamic one. NULL with an error. */
const json_t *schema_doc_resolve(schema_doc *d, const json_t *from, const char *keyword, const char *ref, const char **dynamic);
/* A resource's schema with that dynamic anchor, or NULL. */
const json_t *schema_doc_dynamic(const schema_doc *d, uint32_t resource, const char *name);

/* "the schema uses 'X', which cannot constrain text: WHY", at the pointer. Returns false. */
bool schema_doc_refuse(const schema_doc *d, const json_t *schema, const char *keyword, const char *why);
/* "the schema's 'X' is not valid" */
bool schema_doc_invalid(const schema_doc *d, const json_t *schema, const char *keyword, const char *expected);
#endif
