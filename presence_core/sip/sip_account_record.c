/* What a user's clients have registered, as it is stored: a JSON array of objects. */
#include "sip_account.h"

static const char *const names[SIP_BINDING_TEXTS] = {
    [SIP_BINDING_KEY] = "key",           [SIP_BINDING_URI] = "contact",
    [SIP_BINDING_CALL_ID] = "call_id",   [SIP_BINDING_PATH] = "path",
    [SIP_BINDING_INSTANCE] = "instance", [SIP_BINDING_AGENT] = "agent",
    [SIP_BINDING_HOST] = "host",
};

static bool is_needed(enum sip_binding_text which)
{
    return which == SIP_BINDING_KEY || which == SIP_BINDING_URI || which == SIP_BINDING_CALL_ID ||
           which == SIP_BINDING_HOST;
}

static json_t *write_one(const struct sip_binding *b, gw_utc utc, gw_time mono, bool *ok)
{
    json_t *o = json_object();
    char moment[GW_UTC_TEXT_MAX];

    for (int i = 0; i < SIP_BINDING_TEXTS; i++) {
        if (b->text[i].len)
            *ok &= !json_object_set_new(o, names[i], json_stringn(b->text[i].p, b->text[i].len));
    }
    json_object_set_new(o, "expires",
                        json_string(gw_utc_text(utc + (b->expires_at - mono), moment)));
    json_object_set_new(o, "transport", json_string(sip_proto_name(b->proto)));
    json_object_set_new(o, "port", json_integer(b->port));
    json_object_set_new(o, "cseq", json_integer(b->cseq));
    json_object_set_new(o, "reg_id", json_integer(b->reg_id));
    json_object_set_new(o, "q", json_integer(b->q));
    return o;
}

bool sip_account_record_write(const struct sip_account *a, gw_utc utc, gw_time mono,
                              struct gw_buf *out)
{
    json_t *all = json_array();
    struct gw_list *it, *tmp;
    bool ok = true;

    GW_LIST_EACH(&a->bindings, it, tmp)
    json_array_append_new(all,
                          write_one(GW_CONTAINER(it, struct sip_binding, link), utc, mono, &ok));
    ok &= sip_json_write(all, out);
    json_decref(all);
    return ok;
}

static bool read_one(const json_t *o, struct sip_binding_args *a, gw_utc *expires)
{
    int64_t port, cseq, reg_id, q;

    for (int i = 0; i < SIP_BINDING_TEXTS; i++) {
        a->text[i] = sip_json_text(o, names[i]);
        if ((!a->text[i].len && is_needed((enum sip_binding_text)i)) ||
            a->text[i].len > SIP_HEAD_MAX || !gw_str_is_line(a->text[i]))
            return false;
    }
    if (!sip_proto_parse(sip_json_text(o, "transport"), &a->proto) ||
        !sip_json_number(o, "port", 65535, &port) ||
        !sip_json_number(o, "cseq", INT32_MAX, &cseq) ||
        !sip_json_number(o, "reg_id", INT32_MAX, &reg_id) ||
        !sip_json_number(o, "q", SIP_Q_MAX, &q) ||
        gw_utc_parse(sip_json_text(o, "expires"), expires, NULL))
        return false;
    a->port = (uint16_t)port;
    a->cseq = (uint32_t)cseq;
    a->reg_id = (uint32_t)reg_id;
    a->q = (int)q;
    return true;
}

struct reading {
    sip_binding_fn *each;
    void *ctx;
};

static bool read_entry(const json_t *o, void *ctx)
{
    const struct reading *r = ctx;
    struct sip_binding_args args = { .port = 0 };
    gw_utc expires;

    if (!read_one(o, &args, &expires))
        return false;
    r->each(&args, expires, r->ctx);
    return true;
}

enum gw_code sip_account_record_read(struct gw_str value, sip_binding_fn *each, void *ctx,
                                     struct gw_err *err)
{
    return sip_json_each(value, read_entry, &(struct reading){ each, ctx }, err);
}
