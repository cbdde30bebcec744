/* Requests as the API understands them: path patterns, and bodies read through tables of fields.
 * Pure functions over untrusted text. */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include <jansson.h>

#include "gw_err.h"
#include "gw_str.h"

enum { ADMIN_PATH_ARGS = 2 };

/* "/v1/users/{user}/password" against a path; what stands for {...} goes to args, never empty. */
bool admin_path_match(const char *pattern, struct gw_str path, struct gw_str args[ADMIN_PATH_ARGS]);

/* One JSON document, no member twice, at most 16 levels deep. Gives it; the caller json_decref()s. */
enum gw_code admin_body_parse(struct gw_str body, json_t **out, struct gw_err *err);

enum admin_type { ADMIN_TEXT, ADMIN_FLAG, ADMIN_NUMBER };

struct admin_field {
    const char *name;
    enum admin_type type; /* member: struct gw_str; int; int64_t */
    size_t offset;
    bool required;
    int64_t min, max; /* of a number, or of a text's length in bytes; max 0: 1024 bytes */
};

/* Reads an object; text is borrowed from it. What is not there: .p NULL, -1, -1. Refused are: another
 * type, a member not in the table, a required one that is missing. */
enum gw_code admin_fields_read(const json_t *object, const struct admin_field *fields, size_t count,
                               void *out, struct gw_err *err);

int admin_http_status(enum gw_code code); /* for a refusal */

#endif
