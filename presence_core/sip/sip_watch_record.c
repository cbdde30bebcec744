/* Subscriptions of ours as they are stored. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "sip_watch.h"

static void put_text(json_t *o, const char *name, const char *text)
{
    json_object_set_new(o, name, json_string(text));
}

bool sip_watch_record_write(const struct sip_watch *w, gw_utc expires, struct gw_buf *out)
{
    char moment[GW_UTC_TEXT_MAX];
    json_t *o = json_object();
    bool ok;

    json_object_set_new(o, "local", json_stringn(w->local.p, w->local.len));
    json_object_set_new(o, "remote", json_stringn(w->remote.p, w->remote.len));
    put_text(o, "call_id", w->call_id);
    put_text(o, "remote_tag", w->remote_tag);
    put_text(o, "target", w->target);
    put_text(o, "routes", w->routes);
    put_text(o, "host", w->host);
    put_text(o, "transport", sip_proto_name(w->proto));
    put_text(o, "expires", gw_utc_text(expires, moment));
    json_object_set_new(o, "port", json_integer(w->port));
    json_object_set_new(o, "cseq", json_integer(w->cseq));
    ok = json_object_size(o) == 11; /* a text that is not UTF-8 is not in it */
    (void)sip_json_write(o, out);
    json_decref(o);
    return ok && !out->failed;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static bool jid_is_one(const char *jid)
{
    return strchr(jid, '@') && strlen(jid) <= PRES_JID_MAX;
}

static enum gw_code read_object(struct sip_core *core, struct gw_str tag, const json_t *o,
                                struct gw_err *err)
{
    const char *local = text_of(o, "local"), *remote = text_of(o, "remote"),
               *call_id = text_of(o, "call_id");
    json_int_t port = json_integer_value(json_object_get(o, "port")),
               cseq = json_integer_value(json_object_get(o, "cseq"));
    enum sip_proto proto;
    struct sip_watch *w;
    gw_time expires_at;
    gw_utc expires;

    if (tag.len != SIP_OWN_TAG_LEN || strlen(call_id) != SIP_OWN_CALL_ID_LEN ||
        !jid_is_one(local) || !jid_is_one(remote) || !*text_of(o, "remote_tag") ||
        !*text_of(o, "target") || !*text_of(o, "host") || port < 0 || port > 65535 || cseq < 1 ||
        cseq > INT32_MAX || !sip_proto_parse(gw_str_of(text_of(o, "transport")), &proto))
        return gw_fail(err, GW_BADMSG, "a part is missing, or wrong");
    if (gw_utc_parse(gw_str_of(text_of(o, "expires")), &expires, err))
        return GW_BADMSG;
    if (sip_watch_find(core, gw_str_of(local), gw_str_of(remote)) ||
        gw_map_get(core->watch_tags, tag))
        return gw_fail(err, GW_EXISTS, "there are two of it");
    w = sip_watch_new(core, gw_str_of(local), gw_str_of(remote), tag);
    memcpy(w->call_id, call_id, SIP_OWN_CALL_ID_LEN);
    w->remote_tag = gw_str_dup(gw_str_of(text_of(o, "remote_tag")));
    w->target = gw_str_dup(gw_str_of(text_of(o, "target")));
    w->routes = gw_str_dup(gw_str_of(text_of(o, "routes")));
    w->host = gw_str_dup(gw_str_of(text_of(o, "host")));
    w->proto = proto;
    w->port = (uint16_t)port;
    w->cseq = (uint32_t)cseq;
    (void)sip_record_lasts(core, expires, &expires_at); /* what is over is asked for anew */
    sip_watch_resume(w, expires_at);
    return GW_OK;
}

void sip_watch_restore(struct sip_core *core, struct gw_str key, struct gw_str value)
{
    char quoted[GW_QUOTE_MAX];
    json_error_t why;
    struct gw_err err = { 0 };
    json_t *o = json_loadb(value.p ? value.p : "", value.len, JSON_REJECT_DUPLICATES, &why);

    if (!o)
        gw_fail(&err, GW_BADMSG, "%s", why.text);
    else if (!read_object(core, key, o, &err))
        core->counters.resumed++;
    json_decref(o);
    if (err.code)
        gw_warn("sip", "subscription record unreadable key=%s reason=\"%s\", ignored",
                gw_quote(key, quoted), err.msg);
}
