/* What the reader accepts, the writer writes so that the reader reads the same. */
#include <stdlib.h>

#include "xml_doc.h"
#include "xml_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct xml_limits limits = { 65536, 20, 500, 16 };
/* The copy declares namespaces again and escapes more. */
static const struct xml_limits wider = { 4 << 20, 21, 501, 48 };

static bool attrs_are_same(const struct xml_attr *a, const struct xml_attr *b)
{
    for (; a && b; a = a->next, b = b->next) {
        if (!gw_str_eq(a->ns, b->ns) || !gw_str_eq(a->name, b->name) ||
            !gw_str_eq(a->value, b->value))
            return false;
    }
    return !a && !b;
}

static bool nodes_are_same(const struct xml_node *a, const struct xml_node *b)
{
    if (!gw_str_eq(a->ns, b->ns) || !gw_str_eq(a->name, b->name) || !gw_str_eq(a->text, b->text) ||
        !attrs_are_same(a->attrs, b->attrs))
        return false;
    for (a = a->child, b = b->child; a && b; a = a->next, b = b->next) {
        if (!nodes_are_same(a, b))
            return false;
    }
    return !a && !b;
}

static void write_and_read(const struct xml_node *root)
{
    struct xml_doc *again = NULL;
    struct xml_writer w;
    struct gw_buf b;

    gw_buf_init(&b, wider.size_max);
    xml_write_init(&w, &b);
    xml_put_node(&w, root, GW_STR(""));
    if (b.failed || xml_doc_parse(gw_buf_str(&b), &wider, &again, NULL) ||
        !nodes_are_same(root, xml_doc_root(again)))
        abort();
    xml_doc_free(&again);
    gw_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct xml_doc *doc = NULL;
    struct gw_err err;

    if (xml_doc_parse((struct gw_str){ (const char *)data, len }, &limits, &doc, &err))
        return 0;
    (void)xml_text(xml_path(xml_doc_root(doc), "Body/a/b"));
    write_and_read(xml_doc_root(doc));
    xml_doc_free(&doc);
    return 0;
}
