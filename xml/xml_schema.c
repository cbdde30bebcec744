#include "xml_schema.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gw_mem.h"

struct xml_schema {
    xmlSchemaPtr schema;
};

/* The first line of libxml2's sentence. */
static struct gw_str sentence(const xmlError *error)
{
    struct gw_str text = gw_str_of(error->message);

    (void)gw_str_cut(text, "\n", &text, NULL);
    return gw_str_utf8_cut(gw_str_trim(text), 200);
}

static void on_load_error(void *ctx, xmlErrorPtr error)
{
    struct gw_err *err = ctx;

    if (error->level >= XML_ERR_ERROR && !err->code)
        gw_fail(err, GW_INVALID, "line %d: %.*s", error->line, GW_STR_ARG(sentence(error)));
}

enum gw_code xml_schema_load(const char *path, struct xml_schema **out, struct gw_err *err)
{
    xmlExternalEntityLoader loader = xmlGetExternalEntityLoader();
    struct gw_err why = { .code = GW_OK };
    xmlSchemaParserCtxtPtr parser;
    xmlSchemaPtr schema;

    if (access(path, R_OK) != 0)
        return gw_fail(err, GW_INVALID, "schema '%.60s' cannot be read: %s", path, strerror(errno));
    parser = xmlSchemaNewParserCtxt(path);
    if (!parser)
        abort(); /* out of memory */
    xmlSchemaSetParserStructuredErrors(parser, on_load_error, &why);
    xmlSetExternalEntityLoader(xmlNoNetExternalEntityLoader);
    schema = xmlSchemaParse(parser);
    xmlSetExternalEntityLoader(loader);
    xmlSchemaFreeParserCtxt(parser);
    if (!schema)
        return gw_fail(err, GW_INVALID, "schema '%.60s': %s", path,
                       why.code ? why.msg : "not a schema");
    *out = gw_new(struct xml_schema);
    (*out)->schema = schema;
    return GW_OK;
}

void xml_schema_free(struct xml_schema **schemap)
{
    struct xml_schema *schema = *schemap;

    if (!schema)
        return;
    *schemap = NULL;
    xmlSchemaFree(schema->schema);
    free(schema);
}

struct check {
    xmlSchemaValidCtxtPtr valid;
    xml_tolerated tolerated;
    struct xml_violation *out;
    bool failed;
};

/* libxml2's sentence begins "Element '{namespace}Name'": the only place that has the name when there
 * is no tree. */
static struct gw_str element_of(const xmlError *error)
{
    struct gw_str text = gw_str_of(error->message), name = { NULL, 0 };

    if (!gw_str_cut(text, "'", NULL, &text) || !gw_str_cut(text, "'", &name, NULL))
        return name;
    (void)gw_str_cut(name, "}", NULL, &name);
    return name;
}

static void on_violation(void *ctx, xmlErrorPtr error)
{
    struct check *check = ctx;
    xmlParserCtxtPtr parser = xmlSchemaValidCtxtGetParserCtxt(check->valid);

    if (check->failed)
        return;
    for (xml_tolerated t = check->tolerated; t && *t; t++)
        if (gw_str_is(element_of(error), *t))
            return;
    check->failed = true;
    check->out->line = parser && parser->input ? parser->input->line : error->line;
    check->out->column = parser && parser->input ? parser->input->col : 1;
    snprintf(check->out->text, sizeof(check->out->text), "%.*s", GW_STR_ARG(sentence(error)));
}

bool xml_schema_check(const struct xml_schema *schema, struct gw_str doc, xml_tolerated tolerated,
                      struct xml_violation *out)
{
    struct check check = { .tolerated = tolerated, .out = out };
    xmlParserInputBufferPtr input;

    *out = (struct xml_violation){ .line = 1, .column = 1 };
    if (doc.len > INT_MAX)
        return false;
    input = xmlParserInputBufferCreateMem(doc.p, (int)doc.len, XML_CHAR_ENCODING_UTF8);
    check.valid = xmlSchemaNewValidCtxt(schema->schema);
    if (!input || !check.valid)
        abort(); /* out of memory */
    xmlSchemaSetValidStructuredErrors(check.valid, on_violation, &check);
    (void)xmlSchemaValidateStream(check.valid, input, XML_CHAR_ENCODING_UTF8, NULL, NULL);
    xmlSchemaFreeValidCtxt(check.valid);
    return !check.failed;
}
