#include <stdlib.h>

#include "gw_arena.h"
#include "gw_mem.h"
#include "xml_doc.h"
#include "xml_priv.h"

enum { MEMORY_PER_BYTE = 16 };

struct xml_doc {
    struct gw_arena arena;
    const struct xml_node *root;
};

static enum gw_code scan(struct gw_str in, const struct xml_limits *limits, struct gw_err *err)
{
    struct xml_scan s = { .depth_max = limits->depth_max,
                          .nodes_max = limits->nodes_max,
                          .attrs_max = limits->attrs_max };
    struct gw_str rest = in;
    enum xml_token token = XML_TOKEN_NONE;

    while (rest.len && token < XML_TOKEN_BROKEN)
        token = xml_scan_next(&s, &rest);
    xml_scan_done(&s);
    if (token < XML_TOKEN_BROKEN)
        return GW_OK; /* whether it is whole, libxml2 sees */
    return gw_fail(err, token == XML_TOKEN_LIMIT ? GW_LIMIT : GW_BADMSG, "%s at byte %zu", s.reason,
                   in.len - rest.len);
}

/* UTF-16, UTF-32 and EBCDIC have no '<' of one byte at their start, nor has a text that is no XML. */
static bool starts_like_xml(struct gw_str in)
{
    in = gw_str_trim(in);
    return in.len > 1 && in.p[0] == '<' && in.p[1] != '\0';
}

enum gw_code xml_doc_parse(struct gw_str in, const struct xml_limits *limits, struct xml_doc **out,
                           struct gw_err *err)
{
    struct xml_parsed parsed;
    struct xml_doc *doc;
    enum gw_code rc;

    if (in.len > limits->size_max)
        return gw_fail(err, GW_LIMIT, "XML of %zu bytes, more than %zu", in.len, limits->size_max);
    if (gw_str_starts(in, "\xEF\xBB\xBF"))
        in = gw_str_sub(in, 3, in.len);
    if (!starts_like_xml(in))
        return gw_fail(err, GW_BADMSG, "not XML in UTF-8");
    if (!xml_encoding_is_ours(in))
        return gw_fail(err, GW_BADMSG, "XML in another encoding than UTF-8");
    rc = scan(in, limits, err);
    if (rc)
        return rc;
    doc = gw_new(struct xml_doc);
    gw_arena_init(&doc->arena, limits->size_max * MEMORY_PER_BYTE);
    xml_parse(in, &doc->arena, NULL, &parsed);
    doc->root = parsed.root;
    if (parsed.fault) {
        xml_doc_free(&doc);
        return gw_fail(err, parsed.err.code, "%s", parsed.err.msg);
    }
    *out = doc;
    return GW_OK;
}

const struct xml_node *xml_doc_root(const struct xml_doc *doc)
{
    return doc->root;
}

void xml_doc_free(struct xml_doc **docp)
{
    struct xml_doc *doc = *docp;

    if (!doc)
        return;
    *docp = NULL;
    gw_arena_done(&doc->arena);
    free(doc);
}
