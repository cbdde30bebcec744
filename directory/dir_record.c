/* Users and passwords as the store keeps them. Of a user's JSON, members that are missing have their
 * default, members that nobody knows are passed over: a record of the next version can still be
 * read. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dir_priv.h"

enum { ITERATIONS_MAX = 10 * 1000 * 1000 };

static int dump(const char *p, size_t len, void *out)
{
    gw_buf_add(out, p, len);
    return 0;
}

void dir_json_write(json_t *json, struct gw_buf *out)
{
    assert(json);
    if (json_dump_callback(json, dump, out, JSON_COMPACT))
        out->failed = true;
    json_decref(json);
}

static enum gw_code read_object(struct gw_str text, json_t **out, struct gw_err *err)
{
    json_error_t why;
    json_t *json;

    if (text.len > DIR_RECORD_MAX)
        return gw_fail(err, GW_BADMSG, "record is longer than %d bytes", DIR_RECORD_MAX);
    json = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return gw_fail(err, GW_BADMSG, "record is not JSON");
    if (!json_is_object(json)) {
        json_decref(json);
        return gw_fail(err, GW_BADMSG, "record is not a JSON object");
    }
    *out = json;
    return GW_OK;
}

/* --- users */

void dir_user_record_write(const struct dir_user *user, struct gw_buf *out)
{
    json_t *json = json_object();

    for (int i = 0; i < DIR_EDITABLE; i++) {
        const struct dir_field *f = &dir_fields[i];
        struct gw_str text = f->is_flag ? GW_STR("") : dir_user_text(user, f);

        if (text.len)
            json_object_set_new(json, f->name, json_stringn(text.p, text.len));
        else if (f->is_flag && dir_user_flag(user, f))
            json_object_set_new(json, f->name, json_true());
    }
    dir_json_write(json, out);
}

/* Borrows from the JSON. */
static enum gw_code read_text(const struct dir_field *f, const json_t *value, struct dir_user *out,
                              struct gw_err *err)
{
    struct gw_str text;
    enum gw_code code;

    if (!json_is_string(value))
        return gw_fail(err, GW_BADMSG, "'%s' is not a string", f->name);
    text = (struct gw_str){ json_string_value(value), json_string_length(value) };
    code = dir_field_check(f, text, err);
    if (!code)
        dir_user_set_text(out, f, text);
    return code;
}

static enum gw_code read_user(const json_t *json, struct dir_user *out, struct gw_err *err)
{
    enum gw_code code = GW_OK;

    for (int i = 0; i < DIR_EDITABLE && !code; i++) {
        const struct dir_field *f = &dir_fields[i];
        const json_t *value = json_object_get(json, f->name);

        if (!value)
            continue;
        if (!f->is_flag)
            code = read_text(f, value, out, err);
        else if (json_is_boolean(value))
            dir_user_set_flag(out, f, json_is_true(value));
        else
            code = gw_fail(err, GW_BADMSG, "'%s' is neither true nor false", f->name);
    }
    return code;
}

enum gw_code dir_user_record_parse(struct gw_str text, struct dir_user_record *out,
                                   struct gw_err *err)
{
    struct dir_user_record r = { .json = NULL };
    enum gw_code code = read_object(text, &r.json, err);

    if (!code)
        code = read_user(r.json, &r.user, err);
    if (code)
        json_decref(r.json);
    else
        *out = r;
    return code;
}

void dir_user_record_done(struct dir_user_record *r)
{
    json_decref(r->json);
}

/* --- passwords: only ever read by this program, and 100,000 at a start: fixed places, no JSON */

struct password_part {
    size_t offset, len;
};

#define PART(member)                                                                               \
    {                                                                                              \
        offsetof(struct dir_password, member), sizeof(((struct dir_password *)0)->member)          \
    }
static const struct password_part password_part[] = {
    PART(salt),
    PART(sha256_stored_key),
    PART(sha256_server_key),
    PART(sha1_stored_key),
    PART(sha1_server_key),
};
/* In a record of the second version, behind a byte that tells which there are. */
static const struct password_part digest_part[] = {
    PART(digest_sha256),
    PART(digest_md5),
};
enum {
    PASSWORD_PARTS = sizeof(password_part) / sizeof(password_part[0]),
    DIGEST_PARTS = sizeof(digest_part) / sizeof(digest_part[0]),
    PASSWORD_VERSION = 1,
    PASSWORD_VERSION_DIGESTS = 2,
    PASSWORD_HEAD_LEN = 1 + 4, /* version; iterations, highest byte first */
    PASSWORD_RECORD_LEN = PASSWORD_HEAD_LEN + DIR_SALT_LEN + 2 * 32 + 2 * 20,
    PASSWORD_DIGESTS_LEN = 1 + 32 + 16
};

void dir_password_record_write(const struct dir_password *password, struct gw_buf *out)
{
    uint32_t n = password->iterations;

    gw_buf_add_char(out, password->digests ? PASSWORD_VERSION_DIGESTS : PASSWORD_VERSION);
    for (int shift = 24; shift >= 0; shift -= 8)
        gw_buf_add_char(out, (char)(n >> shift & 0xff));
    for (int i = 0; i < PASSWORD_PARTS; i++)
        gw_buf_add(out, (const char *)password + password_part[i].offset, password_part[i].len);
    if (!password->digests)
        return;
    gw_buf_add_char(out, (char)password->digests);
    for (int i = 0; i < DIGEST_PARTS; i++)
        gw_buf_add(out, (const char *)password + digest_part[i].offset, digest_part[i].len);
}

static const unsigned char *read_parts(const unsigned char *at, const struct password_part *parts,
                                       int count, struct dir_password *out)
{
    for (int i = 0; i < count; at += parts[i++].len)
        memcpy((char *)out + parts[i].offset, at, parts[i].len);
    return at;
}

static bool has_length(struct gw_str text)
{
    switch (text.len ? text.p[0] : 0) {
    case PASSWORD_VERSION:
        return text.len == PASSWORD_RECORD_LEN;
    case PASSWORD_VERSION_DIGESTS:
        return text.len == PASSWORD_RECORD_LEN + PASSWORD_DIGESTS_LEN;
    default:
        return false;
    }
}

enum gw_code dir_password_record_parse(struct gw_str text, struct dir_password *out,
                                       struct gw_err *err)
{
    const unsigned char *at = (const unsigned char *)text.p;
    uint32_t n;

    if (!has_length(text))
        return gw_fail(err, GW_BADMSG, "not a password record of version %d or %d",
                       PASSWORD_VERSION, PASSWORD_VERSION_DIGESTS);
    n = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
    if (n < 1 || n > ITERATIONS_MAX)
        return gw_fail(err, GW_BADMSG, "password record with %u iterations", (unsigned)n);
    *out = (struct dir_password){ .iterations = n };
    at = read_parts(at + PASSWORD_HEAD_LEN, password_part, PASSWORD_PARTS, out);
    if (text.p[0] == PASSWORD_VERSION_DIGESTS) {
        out->digests = at[0] & (DIR_DIGEST_SHA256 | DIR_DIGEST_MD5);
        (void)read_parts(at + 1, digest_part, DIGEST_PARTS, out);
    }
    return GW_OK;
}
