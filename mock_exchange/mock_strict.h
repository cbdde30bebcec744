/* Strict mode: with a schema, requests that it forbids are refused, as Exchange refuses them. Clients
 * that are around break it in a few known ways; each can be accepted all the same, and without a
 * schema all are.
 *
 *   version    RequestServerVersion names that the schema does not have yet: exchangelib's
 *              "Exchange2019". Not accepted: ErrorInvalidServerVersion
 *   mail-tips  GetMailTips whose MailTipsRequested is text beside the other elements: exchangelib,
 *              when it is given a string. Not accepted: ErrorSchemaValidation
 *   watermark  m:Watermark for t:Watermark in Subscribe: exchangelib, when it resumes.
 *              Not accepted: ErrorSchemaValidation */
#ifndef MOCK_STRICT_H
#define MOCK_STRICT_H

#include "xml_schema.h"

enum mock_deviation {
    MOCK_DEVIATION_VERSION = 1,
    MOCK_DEVIATION_MAIL_TIPS = 2,
    MOCK_DEVIATION_WATERMARK = 4
};
bool mock_deviation_parse(struct gw_str name, enum mock_deviation *out);
extern const char mock_deviation_names[]; /* for messages */

struct mock_strict {
    struct xml_schema *schema; /* NULL: lenient */
    unsigned accepted;         /* enum mock_deviation, with a schema */
};

/* Loads validate.xsd of a folder, which imports Microsoft's files; the empty path: none any more. */
enum gw_code mock_strict_load(struct mock_strict *strict, struct gw_str folder, struct gw_err *err);
void mock_strict_done(struct mock_strict *strict);

bool mock_strict_accepts(const struct mock_strict *strict, enum mock_deviation deviation);

/* False: out has what is wrong. */
bool mock_strict_check(const struct mock_strict *strict, struct gw_str request,
                       struct xml_violation *out);

#endif
