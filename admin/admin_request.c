#include "admin_request.h"

#include <string.h>

#include "gw_buf.h"

enum { BODY_DEPTH_MAX = 16, TEXT_MAX = 1024 };

static bool segment_next(struct gw_str *rest, struct gw_str *segment)
{
    if (rest->len == 0 || rest->p[0] != '/')
        return false;
    *rest = gw_str_sub(*rest, 1, rest->len);
    if (!gw_str_cut(*rest, "/", segment, NULL))
        *segment = *rest;
    *rest = gw_str_sub(*rest, segment->len, rest->len);
    return segment->len > 0;
}

bool admin_path_match(const char *pattern, struct gw_str path, struct gw_str args[ADMIN_PATH_ARGS])
{
    struct gw_str want_rest = gw_str_of(pattern), want, got;
    size_t used = 0;

    while (want_rest.len > 0) {
        if (!segment_next(&want_rest, &want) || !segment_next(&path, &got))
            return false;
        if (want.p[0] == '{' && used < ADMIN_PATH_ARGS)
            args[used++] = got;
        else if (!gw_str_eq(want, got))
            return false;
    }
    return path.len == 0;
}

static bool is_too_deep(struct gw_str body)
{
    bool in_text = false;
    int depth = 0;
    size_t i;

    for (i = 0; i < body.len; i++) {
        char c = body.p[i];

        if (in_text && c == '\\')
            i++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '[' || c == '{') && ++depth > BODY_DEPTH_MAX)
            return true;
        else if (!in_text && (c == ']' || c == '}'))
            depth--;
    }
    return false;
}

enum gw_code admin_body_parse(struct gw_str body, json_t **out, struct gw_err *err)
{
    json_error_t why;
    json_t *json;

    /* jansson itself allows 2048 levels, each one a call on the stack. */
    if (is_too_deep(body))
        return gw_fail(err, GW_BADMSG, "the body is nested too deeply");
    json = json_loadb(body.len ? body.p : "", body.len, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return gw_fail(err, GW_BADMSG, "the body is not JSON: line %d, column %d: %s", why.line,
                       why.column, why.text);
    *out = json;
    return GW_OK;
}

static const struct admin_field *field_find(const struct admin_field *fields, size_t count,
                                            const char *name)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static enum gw_code read_text(const struct admin_field *f, const json_t *value, struct gw_str *out,
                              struct gw_err *err)
{
    size_t max = f->max ? (size_t)f->max : TEXT_MAX;

    if (!json_is_string(value))
        return gw_fail(err, GW_INVALID, "'%s' must be text", f->name);
    *out = (struct gw_str){ json_string_value(value), json_string_length(value) };
    if (out->len < (size_t)f->min || out->len > max)
        return gw_fail(err, GW_INVALID, "'%s' must be %zu to %zu bytes long", f->name,
                       (size_t)f->min, max);
    return GW_OK;
}

static enum gw_code read_number(const struct admin_field *f, const json_t *value, int64_t *out,
                                struct gw_err *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < f->min ||
        json_integer_value(value) > f->max)
        return gw_fail(err, GW_INVALID, "'%s' must be a number from %lld to %lld", f->name,
                       (long long)f->min, (long long)f->max);
    *out = json_integer_value(value);
    return GW_OK;
}

static enum gw_code read_field(const struct admin_field *f, const json_t *value, void *out,
                               struct gw_err *err)
{
    void *member = (char *)out + f->offset;

    switch (f->type) {
    case ADMIN_TEXT:
        return read_text(f, value, member, err);
    case ADMIN_NUMBER:
        return read_number(f, value, member, err);
    case ADMIN_FLAG:
        if (!json_is_boolean(value))
            return gw_fail(err, GW_INVALID, "'%s' must be true or false", f->name);
        *(int *)member = json_is_true(value);
        return GW_OK;
    }
    return GW_OK;
}

static void fields_clear(const struct admin_field *fields, size_t count, void *out)
{
    size_t i;

    for (i = 0; i < count; i++) {
        void *member = (char *)out + fields[i].offset;

        if (fields[i].type == ADMIN_TEXT)
            *(struct gw_str *)member = (struct gw_str){ NULL, 0 };
        else if (fields[i].type == ADMIN_FLAG)
            *(int *)member = -1;
        else
            *(int64_t *)member = -1;
    }
}

enum gw_code admin_fields_read(const json_t *object, const struct admin_field *fields, size_t count,
                               void *out, struct gw_err *err)
{
    const struct admin_field *f;
    enum gw_code rc;
    const char *name;
    json_t *value;
    size_t i;

    fields_clear(fields, count, out);
    if (!json_is_object(object))
        return gw_fail(err, GW_INVALID, "a JSON object is needed here");
    json_object_foreach((json_t *)object, name, value)
    {
        f = field_find(fields, count, name);
        if (!f)
            return gw_fail(err, GW_INVALID, "there is no field '%.40s' here", name);
        rc = read_field(f, value, out, err);
        if (rc)
            return rc;
    }
    for (i = 0; i < count; i++)
        if (fields[i].required && !json_object_get(object, fields[i].name))
            return gw_fail(err, GW_INVALID, "the field '%s' is missing", fields[i].name);
    return GW_OK;
}

int admin_http_status(enum gw_code code)
{
    switch (code) {
    case GW_OK:
        return 200;
    case GW_BADMSG:
    case GW_INVALID:
        return 400;
    case GW_DENIED:
        return 403;
    case GW_NOTFOUND:
        return 404;
    case GW_EXISTS:
        return 409;
    case GW_LIMIT:
        return 507;
    case GW_AGAIN:
    case GW_UNREACHABLE:
    case GW_CANCELLED:
        return 503;
    case GW_TIMEOUT:
        return 504;
    case GW_INTERNAL:
        return 500;
    }
    return 500;
}
