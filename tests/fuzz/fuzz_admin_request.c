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

static void check_fields(const json_t *json)
{
    struct admin_user_fields user;
    struct gw_err err;

    if (admin_fields_read(json, admin_user_fields, ADMIN_USER_ADD_FIELDS, &user, &err)) {
        if (!err.msg[0])
            abort();
        return;
    }
    if (!user.user.p || user.user.len > DIR_JID_MAX || user.mail.len > DIR_MAIL_MAX ||
        user.password.len > DIR_PASSWORD_MAX || user.im < -1 || user.im > 1)
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
    json_array_foreach(json, i, item) check_fields(item);
    json_decref(json);
    return 0;
}
