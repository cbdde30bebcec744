/* Paths and bodies of the API, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_request.h"
#include "gw_buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *pattern, *path;
    bool matches;
    const char *arg[ADMIN_PATH_ARGS];
} path_case[] = {
    { "/v1", "/v1", true, { NULL } },
    { "/v1", "/v1/", false, { NULL } },
    { "/v1", "/v2", false, { NULL } },
    { "/v1", "", false, { NULL } },
    { "/v1", "v1", false, { NULL } },
    { "/v1/users", "/v1", false, { NULL } },
    { "/v1/users", "/v1/users/ann", false, { NULL } },
    { "/v1/users/{user}", "/v1/users/ann@example.com", true, { "ann@example.com" } },
    { "/v1/users/{user}", "/v1/users/", false, { NULL } },
    { "/v1/users/{user}", "/v1/users//", false, { NULL } },
    { "/v1/users/{user}", "/v1/users/{user}", true, { "{user}" } },
    { "/v1/users/{user}/password", "/v1/users/ann/password", true, { "ann" } },
    { "/v1/users/{user}/password", "/v1/users/ann/passwor", false, { NULL } },
    { "/v1/users/{user}/password", "/v1/users//password", false, { NULL } },
    { "/v1/{a}/{b}", "/v1/one/two", true, { "one", "two" } },
    { "/v1/{a}/{b}", "/v1/one/two/three", false, { NULL } },
};

static void paths_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(path_case); i++) {
        struct gw_str args[ADMIN_PATH_ARGS] = { { NULL, 0 } };
        bool got = admin_path_match(path_case[i].pattern, gw_str_of(path_case[i].path), args);

        if (got != path_case[i].matches)
            fail_msg("'%s' against '%s'", path_case[i].path, path_case[i].pattern);
        for (size_t k = 0; got && k < ADMIN_PATH_ARGS && path_case[i].arg[k]; k++)
            assert_true(gw_str_is(args[k], path_case[i].arg[k]));
    }
}

static const struct {
    const char *body, *says; /* says NULL: fine */
} body_case[] = {
    { "{}", NULL },
    { "[1, {\"a\": \"]}\"}]", NULL },
    { "{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{\"}", NULL },
    { "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", NULL },
    { "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "nested too deeply" },
    { "", "not JSON" },
    { "{", "not JSON" },
    { "nonsense", "not JSON" },
    { "{} {}", "not JSON" },
    { "{\"a\": 1, \"a\": 2}", "not JSON" },
    { "{\"a\": \"\xff\"}", "not JSON" },
    { "{\"a\": 99999999999999999999}", "not JSON" },
};

static void bodies_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(body_case); i++) {
        json_t *json = NULL;
        struct gw_err err;
        enum gw_code rc = admin_body_parse(gw_str_of(body_case[i].body), &json, &err);

        assert_int_equal(rc, body_case[i].says ? GW_BADMSG : GW_OK);
        if (rc)
            assert_non_null(strstr(err.msg, body_case[i].says));
        assert_int_equal(json != NULL, rc == GW_OK);
        json_decref(json);
    }
}

struct thing {
    struct gw_str name;
    int on;
    int64_t port;
};

static const struct admin_field thing_fields[] = {
    { "name", ADMIN_TEXT, offsetof(struct thing, name), true, 1, 8 },
    { "on", ADMIN_FLAG, offsetof(struct thing, on), false, 0, 0 },
    { "port", ADMIN_NUMBER, offsetof(struct thing, port), false, 1, 65535 },
};

static const struct {
    const char *body, *says; /* says NULL: fine */
    const char *name;
    int on;
    int64_t port;
} field_case[] = {
    { "{\"name\": \"cas1\"}", NULL, "cas1", -1, -1 },
    { "{\"name\": \"cas1\", \"on\": true, \"port\": 443}", NULL, "cas1", 1, 443 },
    { "{\"port\": 65535, \"on\": false, \"name\": \"12345678\"}", NULL, "12345678", 0, 65535 },
    { "{}", "'name' is missing", NULL, 0, 0 },
    { "[]", "object is needed", NULL, 0, 0 },
    { "null", "not JSON", NULL, 0, 0 },
    { "{\"name\": \"\"}", "1 to 8 bytes", NULL, 0, 0 },
    { "{\"name\": \"123456789\"}", "1 to 8 bytes", NULL, 0, 0 },
    { "{\"name\": 5}", "must be text", NULL, 0, 0 },
    { "{\"name\": null}", "must be text", NULL, 0, 0 },
    { "{\"name\": \"a\", \"on\": 1}", "true or false", NULL, 0, 0 },
    { "{\"name\": \"a\", \"port\": 0}", "from 1 to 65535", NULL, 0, 0 },
    { "{\"name\": \"a\", \"port\": 65536}", "from 1 to 65535", NULL, 0, 0 },
    { "{\"name\": \"a\", \"port\": 1.5}", "from 1 to 65535", NULL, 0, 0 },
    { "{\"name\": \"a\", \"port\": \"443\"}", "from 1 to 65535", NULL, 0, 0 },
    { "{\"name\": \"a\", \"prot\": 443}", "no field 'prot'", NULL, 0, 0 },
};

static enum gw_code thing_read(const char *body, json_t **json, struct thing *out,
                               struct gw_err *err)
{
    enum gw_code rc = admin_body_parse(gw_str_of(body), json, err);

    return rc ? rc : admin_fields_read(*json, thing_fields, COUNT(thing_fields), out, err);
}

static void fields_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(field_case); i++) {
        struct thing thing;
        json_t *json = NULL;
        struct gw_err err;
        enum gw_code rc = thing_read(field_case[i].body, &json, &thing, &err);

        if (!!rc != !!field_case[i].says || (rc && !strstr(err.msg, field_case[i].says)))
            fail_msg("%s: %d %s", field_case[i].body, rc, rc ? err.msg : "");
        if (!rc) {
            assert_true(gw_str_is(thing.name, field_case[i].name));
            assert_int_equal(thing.on, field_case[i].on);
            assert_int_equal(thing.port, field_case[i].port);
        }
        json_decref(json);
    }
}

static void codes_have_a_status(void **state)
{
    (void)state;
    assert_int_equal(admin_http_status(GW_OK), 200);
    assert_int_equal(admin_http_status(GW_INVALID), 400);
    assert_int_equal(admin_http_status(GW_BADMSG), 400);
    assert_int_equal(admin_http_status(GW_DENIED), 403);
    assert_int_equal(admin_http_status(GW_NOTFOUND), 404);
    assert_int_equal(admin_http_status(GW_EXISTS), 409);
    assert_int_equal(admin_http_status(GW_INTERNAL), 500);
    assert_int_equal(admin_http_status(GW_AGAIN), 503);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_match),
        cmocka_unit_test(bodies_parse),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(codes_have_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
