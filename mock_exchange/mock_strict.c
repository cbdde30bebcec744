#include "mock_strict.h"

#include <stdio.h>

/* A deviation shows as a violation of one element. */
static const struct {
    const char *name, *element;
    enum mock_deviation deviation;
} deviations[] = {
    { "version", "RequestServerVersion", MOCK_DEVIATION_VERSION },
    { "mail-tips", "GetMailTips", MOCK_DEVIATION_MAIL_TIPS },
    { "watermark", "Watermark", MOCK_DEVIATION_WATERMARK },
};
enum { DEVIATIONS = sizeof(deviations) / sizeof(*deviations) };

const char mock_deviation_names[] = "version, mail-tips, watermark";

bool mock_deviation_parse(struct gw_str name, enum mock_deviation *out)
{
    for (size_t i = 0; i < DEVIATIONS; i++) {
        if (gw_str_is(name, deviations[i].name)) {
            *out = deviations[i].deviation;
            return true;
        }
    }
    return false;
}

enum gw_code mock_strict_load(struct mock_strict *strict, struct gw_str folder, struct gw_err *err)
{
    struct xml_schema *schema = NULL;
    char path[4096];
    enum gw_code rc = GW_OK;

    snprintf(path, sizeof(path), "%.*s/validate.xsd", GW_STR_ARG(folder));
    if (folder.len)
        rc = xml_schema_load(path, &schema, err);
    if (rc)
        return rc;
    xml_schema_free(&strict->schema);
    strict->schema = schema;
    return GW_OK;
}

void mock_strict_done(struct mock_strict *strict)
{
    xml_schema_free(&strict->schema);
}

bool mock_strict_accepts(const struct mock_strict *strict, enum mock_deviation deviation)
{
    return !strict->schema || (strict->accepted & deviation);
}

bool mock_strict_check(const struct mock_strict *strict, struct gw_str request,
                       struct xml_violation *out)
{
    const char *tolerated[DEVIATIONS + 1];
    size_t count = 0;

    if (!strict->schema)
        return true;
    for (size_t i = 0; i < DEVIATIONS; i++)
        if (strict->accepted & deviations[i].deviation)
            tolerated[count++] = deviations[i].element;
    tolerated[count] = NULL;
    return xml_schema_check(strict->schema, request, tolerated, out);
}
