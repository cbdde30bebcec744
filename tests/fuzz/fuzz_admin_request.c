/* A request to the API: the first line is the path, the rest the body. Path and body are read as the
 * API reads them; what a table of fields took is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin_priv.h"
#include "admin_users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct gw_str path)
{
    for (size_t i = 0; i < admin_routes_count; i++) {
        struct gw_str args[ADMIN_PATH_ARGS] = { { NULL, 0 } };

        if (!admin_path_match(admin_routes[i].path, path, args))
            continue;
        for (size_t k = 0; k < ADMIN_PATH_ARGS; k++)
            if (args[k].p && (args[k].len == 0 || memchr(args[k].p, '/', args[k].len)))
                abort();
    }
}

struct fields {
    struct gw_str text;
    int64_t number;
    int flag;
};

static void check_fields(const json_t *json)
{
    static const struct admin_field table[] = {
        { "name", ADMIN_TEXT, offsetof(struct fields, text), true, 1, 20 },
        { "port", ADMIN_NUMBER, offsetof(struct fields, number), false, 1, 65535 },
        { "im", ADMIN_FLAG, offsetof(struct fields, flag), false, 0, 0 },
    };
    struct fields f;
    struct gw_err err = { 0 };

    if (admin_fields_read(json, table, 3, &f, &err)
            ? !err.msg[0]
            : !f.text.p || !f.text.len || f.text.len > 20 || f.number < -1 || f.number > 65535 ||
                  f.flag < -1 || f.flag > 1)
        abort();
}

static void check_user(const json_t *json)
{
    struct admin_user_input user;
    struct gw_err err = { 0 };

    if (admin_user_read(json, true, &user, &err) ? !err.msg[0] : !user.user.p)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_str in = { (const char *)data, size }, path, body;
    json_t *json = NULL, *item;
    struct gw_err err;
    size_t i;

    if (!gw_str_cut(in, "\n", &path, &body))
        return 0;
    check_path(path);
    if (admin_body_parse(body, &json, &err))
        return 0;
    check_fields(json);
    check_user(json);
    json_array_foreach(json, i, item) check_user(item);
    json_decref(json);
    return 0;
}
