/* A subscription as it is stored: kind "sip-sub", key its tag, owner the user, value JSON. */
#include <string.h>

#include "sip_priv.h"

static const char *const names[SIP_TEXT_COUNT] = {
    [SIP_TEXT_TAG] = "tag",
    [SIP_TEXT_CALL_ID] = "call_id",
    [SIP_TEXT_REMOTE_TAG] = "remote_tag",
    [SIP_TEXT_WATCHER] = "watcher",
    [SIP_TEXT_LOCAL] = "local",
    [SIP_TEXT_REMOTE] = "remote",
    [SIP_TEXT_TARGET] = "target",
    [SIP_TEXT_ROUTES] = "routes",
    [SIP_TEXT_EVENT_ID] = "event_id",
    [SIP_TEXT_US] = "us",
    [SIP_TEXT_HOST] = "host",
    [SIP_TEXT_SOURCE] = "source",
};

/* Without these there is no dialog. */
static bool is_needed(enum sip_text which)
{
    return which != SIP_TEXT_ROUTES && which != SIP_TEXT_EVENT_ID;
}

static int put(const char *p, size_t len, void *ctx)
{
    gw_buf_add(ctx, p, len);
    return 0;
}

bool sip_json_write(const json_t *json, struct gw_buf *out)
{
    return json && !json_dump_callback(json, put, out, JSON_COMPACT) && !out->failed;
}

bool sip_record_write(const struct sip_sub *s, gw_utc expires, struct gw_buf *out)
{
    json_t *o = json_object();
    char moment[GW_UTC_TEXT_MAX];
    bool ok = true;

    json_object_set_new(o, "user", json_stringn(s->of->jid.p, s->of->jid.len));
    for (int i = 0; i < SIP_TEXT_COUNT; i++) {
        struct gw_str text = sip_sub_text(s, (enum sip_text)i);

        if (text.len)
            ok &= !json_object_set_new(o, names[i], json_stringn(text.p, text.len));
    }
    json_object_set_new(o, "expires", json_string(gw_utc_text(expires, moment)));
    json_object_set_new(o, "since", json_string(gw_utc_text(s->since, moment)));
    json_object_set_new(o, "transport", json_string(sip_proto_name(s->proto)));
    json_object_set_new(o, "port", json_integer(s->port));
    json_object_set_new(o, "cseq", json_integer(s->remote_cseq));
    json_object_set_new(o, "own_cseq", json_integer(s->reserved_cseq));
    json_object_set_new(o, "format", json_string(sip_format_types[s->format]));
    if (s->grant.account)
        json_object_set_new(o, "login", json_true());
    (void)sip_json_write(o, out);
    json_decref(o);
    return ok && !out->failed;
}

struct gw_str sip_json_text(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);

    if (!json_is_string(v))
        return GW_STR("");
    return (struct gw_str){ json_string_value(v), json_string_length(v) };
}

static bool format_parse(struct gw_str text, enum sip_format *out)
{
    for (int i = 0; i < SIP_FORMAT_COUNT; i++) {
        if (gw_str_is(text, sip_format_types[i])) {
            *out = (enum sip_format)i;
            return true;
        }
    }
    return false;
}

bool sip_json_number(const json_t *o, const char *name, int64_t max, int64_t *out)
{
    const json_t *v = json_object_get(o, name);

    *out = json_integer_value(v);
    return json_is_integer(v) && *out >= 0 && *out <= max;
}

enum gw_code sip_json_each(struct gw_str value, sip_json_fn *each, void *ctx, struct gw_err *err)
{
    json_error_t why;
    json_t *all = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why), *o;
    size_t i, bad = 0, count = json_array_size(all);

    if (!all)
        return gw_fail(err, GW_BADMSG, "%s", why.text);
    bad = !json_is_array(all);
    json_array_foreach(all, i, o)
    {
        bad += !each(o, ctx);
    }
    json_decref(all);
    if (bad)
        return gw_fail(err, GW_BADMSG, "%zu of its %zu entries", bad, count);
    return GW_OK;
}

static enum gw_code read_object(const json_t *o, struct sip_sub_args *a, gw_utc *expires,
                                struct gw_err *err)
{
    int64_t port, cseq, own;
    size_t len = 0;

    a->user = sip_json_text(o, "user");
    if (!a->user.len || a->user.len > PRES_JID_MAX)
        return gw_fail(err, GW_BADMSG, "no user");
    for (int i = 0; i < SIP_TEXT_COUNT; i++) {
        a->text[i] = sip_json_text(o, names[i]);
        len += a->text[i].len;
        if (!a->text[i].len && is_needed((enum sip_text)i))
            return gw_fail(err, GW_BADMSG, "no '%s'", names[i]);
    }
    if (len > UINT16_MAX)
        return gw_fail(err, GW_LIMIT, "texts too long");
    if (!sip_proto_parse(sip_json_text(o, "transport"), &a->proto) ||
        !format_parse(sip_json_text(o, "format"), &a->format) ||
        !sip_json_number(o, "port", 65535, &port) ||
        !sip_json_number(o, "cseq", INT32_MAX, &cseq) ||
        !sip_json_number(o, "own_cseq", INT32_MAX, &own))
        return gw_fail(err, GW_BADMSG, "transport, format, port or numbers are wrong");
    a->port = (uint16_t)port;
    a->remote_cseq = (uint32_t)cseq;
    a->local_cseq = (uint32_t)own;
    a->was_by_login = json_is_true(json_object_get(o, "login"));
    if (gw_utc_parse(sip_json_text(o, "since"), &a->since, NULL)) /* of an older version */
        a->since = 0;
    return gw_utc_parse(sip_json_text(o, "expires"), expires, err);
}

enum gw_code sip_record_parse(struct gw_str value, struct sip_sub_args *out, gw_utc *expires,
                              json_t **owner, struct gw_err *err)
{
    json_error_t why;
    enum gw_code rc;
    json_t *o;

    *out = (struct sip_sub_args){ .port = 0 };
    *owner = NULL;
    o = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);
    if (!o)
        return gw_fail(err, GW_BADMSG, "%s", why.text);
    rc = read_object(o, out, expires, err);
    if (rc)
        json_decref(o);
    else
        *owner = o;
    return rc;
}

void sip_record_done(json_t **owner)
{
    json_decref(*owner);
    *owner = NULL;
}
