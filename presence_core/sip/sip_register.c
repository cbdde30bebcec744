/* REGISTER comes in (RFC 3261 10.3, with Path of RFC 3327 and what RFC 5626 asks of a registrar): all of it
 * is looked at first, so that it is done as a whole or not at all. Who asks has logged in. */
#include <string.h>

#include "gw_log.h"
#include "sip_account.h"

enum { EXPIRES_DEFAULT_S = 3600, KEY_MAX = SIP_URI_MAX + SIP_INSTANCE_MAX };

struct wish {
    struct sip_addr contact;
    struct gw_str key, instance;
    int64_t expires_s;
    int q;
    uint32_t reg_id;
};

struct wishes {
    struct wish list[SIP_BINDINGS_MAX];
    size_t count;
    bool all;         /* "*": everything goes */
    bool is_outbound; /* of one of them: RFC 5626 was used */
    struct gw_buf path;
};

/* ---- What it says ---- */

static bool supports(const struct sip_msg *m, const char *what)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    while (sip_msg_next(m, SIP_SUPPORTED, &pos, &value)) {
        if (gw_str_iis(value, what))
            return true;
    }
    return false;
}

/* RFC 3261 10.2.1.1: what makes no sense counts as an hour. */
static int64_t expires_of(const struct sip_core *core, const struct sip_msg *m, struct gw_str value)
{
    int64_t s = m->expires < 0 ? EXPIRES_DEFAULT_S : m->expires;
    struct gw_str text;

    if (sip_param_find(value, "expires", &text) && !gw_str_to_int(text, 0, UINT32_MAX, &s))
        s = EXPIRES_DEFAULT_S;
    return s < core->settings->expires_max_s ? s : core->settings->expires_max_s;
}

/* RFC 3261 25.1: qvalue, in thousandths. */
static int q_of(struct gw_str value)
{
    struct gw_str text, whole, digits = { NULL, 0 };
    int64_t part = 0;

    if (!sip_param_find(value, "q", &text))
        return SIP_Q_MAX;
    whole = text;
    (void)gw_str_cut(text, ".", &whole, &digits);
    if (!gw_str_is(whole, "0") || digits.len > 3 ||
        (digits.len && !gw_str_to_int(digits, 0, 999, &part)))
        return SIP_Q_MAX;
    for (size_t i = digits.len; i < 3; i++)
        part *= 10;
    return (int)part;
}

/* Two are the same when these parts are (RFC 3261 19.1.4, as far as it makes a difference here). */
static bool key_write(const struct sip_uri *uri, struct gw_buf *out)
{
    size_t begun;

    gw_buf_addf(out, "%s:", uri->is_sips ? "sips" : "sip");
    gw_buf_add_str(out, uri->user);
    gw_buf_add_char(out, '@');
    begun = out->len;
    gw_buf_addf(out, "%.*s:%u;%.*s", GW_STR_ARG(uri->host), uri->port, GW_STR_ARG(uri->transport));
    for (size_t i = begun; i < out->len; i++) {
        if (out->p[i] >= 'A' && out->p[i] <= 'Z')
            out->p[i] |= 0x20;
    }
    return !out->failed;
}

/* It can be stored. */
static bool is_text(struct gw_str s)
{
    return gw_str_is_utf8(s) && gw_str_is_line(s);
}

/* RFC 5626 6: a client that names itself and its flow replaces what it had on it, whatever its address is
 * now. Only where the flow is known: with nobody between, or with a Path. */
static bool outbound_read(const struct sip_msg *m, struct gw_str value, struct wish *w)
{
    struct gw_str text;
    int64_t reg_id;

    if (!sip_param_find(value, "+sip.instance", &w->instance) ||
        w->instance.len > SIP_INSTANCE_MAX || !w->instance.len || !is_text(w->instance)) {
        w->instance = GW_STR("");
        return false;
    }
    if (!supports(m, "outbound") || !sip_param_find(value, "reg-id", &text) ||
        !gw_str_to_int(text, 1, INT32_MAX, &reg_id) ||
        (m->via_count > 1 && !sip_msg_next(m, SIP_PATH, &(struct sip_pos){ 0 }, &text)))
        return false;
    w->reg_id = (uint32_t)reg_id;
    return true;
}

/* Back over the way the request came, when nobody is between: that is open, whatever address translation
 * there is (RFC 5626 5.3). Else where a Path begins, else to the contact. 0, or how it is refused. */
static unsigned next_hop(struct sip_core *core, const struct sip_msg *m,
                         const struct sip_peer *from, const struct sip_uri *contact,
                         struct sip_peer *out)
{
    struct sip_pos pos = { 0 };
    struct sip_addr path;
    struct gw_str value;

    if (sip_msg_next(m, SIP_PATH, &pos, &value)) {
        if (sip_addr_parse(value, &core->msg->arena, &path, NULL))
            return 400;
        return sip_hop_of(core, &path.uri, gw_buf_str(&core->login), from, out);
    }
    if (m->via_count > 1)
        return sip_hop_of(core, contact, gw_buf_str(&core->login), from, out);
    *out = *from;
    return 0;
}

static bool path_write(const struct sip_msg *m, struct gw_buf *out)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    while (sip_msg_next(m, SIP_PATH, &pos, &value)) {
        if (out->len)
            gw_buf_add_cstr(out, ", ");
        gw_buf_add_str(out, value);
    }
    return !out->failed && is_text(gw_buf_str(out));
}

/* 0, or how it is refused. */
static unsigned wish_read(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from, struct gw_str value, struct wish *w,
                          bool *is_outbound)
{
    struct gw_arena *arena = &core->msg->arena;
    struct sip_peer hop;
    struct gw_buf key;
    unsigned status;
    bool ok;

    if (sip_addr_parse(value, arena, &w->contact, NULL) || !w->contact.uri.is_sip ||
        w->contact.uri.has_headers)
        return 400;
    status = next_hop(core, m, from, &w->contact.uri, &hop);
    if (status)
        return status;
    w->expires_s = expires_of(core, m, value);
    w->q = q_of(value);
    gw_buf_init(&key, KEY_MAX);
    if (outbound_read(m, value, w)) {
        gw_buf_addf(&key, "%.*s;%u", GW_STR_ARG(w->instance), w->reg_id);
        *is_outbound = true;
    } else {
        (void)key_write(&w->contact.uri, &key);
    }
    w->key = gw_arena_dup(arena, gw_buf_str(&key));
    ok = !key.failed && w->key.len && is_text(w->key) && is_text(w->contact.uri.text);
    gw_buf_done(&key);
    return ok ? 0 : 400;
}

/* 0, or how it is refused. */
static unsigned wishes_read(struct sip_core *core, const struct sip_msg *m,
                            const struct sip_peer *from, struct wishes *out)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;
    unsigned status;

    if (m->contact_count > SIP_BINDINGS_MAX)
        return 403;
    if (!path_write(m, &out->path) || !is_text(m->call_id))
        return 400;
    while (sip_msg_next(m, SIP_CONTACT, &pos, &value)) {
        if (gw_str_is(value, "*")) {
            if (m->contact_count != 1 || m->expires != 0)
                return 400;
            out->all = true;
            return 0;
        }
        status = wish_read(core, m, from, value, &out->list[out->count], &out->is_outbound);
        if (status)
            return status;
        if (out->list[out->count].expires_s > 0 &&
            out->list[out->count].expires_s < core->settings->expires_min_s)
            return 423;
        out->count++;
    }
    return 0;
}

/* RFC 3261 10.3 step 7: an old request must not undo a new one. */
static bool is_in_order(const struct sip_msg *m, const struct sip_binding *b)
{
    return !gw_str_eq(b->text[SIP_BINDING_CALL_ID], m->call_id) || m->cseq > b->cseq;
}

static bool all_in_order(const struct sip_msg *m, const struct sip_account *a,
                         const struct wishes *w)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        if (w->all && !is_in_order(m, GW_CONTAINER(it, struct sip_binding, link)))
            return false;
    }
    for (size_t i = 0; i < w->count; i++) {
        const struct sip_binding *b = sip_binding_find(a, w->list[i].key);

        if (b && !is_in_order(m, b))
            return false;
    }
    return true;
}

static struct gw_str agent_of(const struct sip_msg *m)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    if (!sip_msg_next(m, SIP_USER_AGENT, &pos, &value) || !is_text(value))
        return GW_STR("");
    return gw_str_utf8_cut(value, SIP_AGENT_MAX);
}

/* ---- It is done ---- */

static void put(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                struct sip_account *a, const struct wish *w, struct gw_str path)
{
    char contact[GW_QUOTE_MAX], agent[GW_QUOTE_MAX];
    struct sip_binding_args args = {
        .expires_at = gw_time_after(core->now.mono, w->expires_s * GW_SECOND_MS),
        .cseq = m->cseq,
        .reg_id = w->reg_id,
        .q = w->q,
        .text = { [SIP_BINDING_KEY] = w->key,
                  [SIP_BINDING_URI] = w->contact.uri.text,
                  [SIP_BINDING_CALL_ID] = m->call_id,
                  [SIP_BINDING_PATH] = path,
                  [SIP_BINDING_INSTANCE] = w->instance,
                  [SIP_BINDING_AGENT] = agent_of(m) },
    };
    struct sip_peer hop = *from;

    (void)next_hop(core, m, from, &w->contact.uri, &hop); /* there is one: it was looked at */
    args.conn = hop.conn;
    args.port = hop.port;
    args.proto = hop.proto;
    args.text[SIP_BINDING_HOST] = hop.host;
    if (!sip_binding_find(a, w->key))
        gw_info("sip", "client registered user='%.*s' contact=%s peer=%.*s agent=%s",
                GW_STR_ARG(a->jid), gw_quote(w->contact.uri.text, contact), GW_STR_ARG(from->host),
                gw_quote(args.text[SIP_BINDING_AGENT], agent));
    sip_binding_put(a, &args);
}

static void take_away(struct sip_account *a, struct sip_binding *b)
{
    char contact[GW_QUOTE_MAX];

    gw_info("sip", "client unregistered user='%.*s' contact=%s", GW_STR_ARG(a->jid),
            gw_quote(b->text[SIP_BINDING_URI], contact));
    sip_binding_free(b);
}

static void apply(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                  struct sip_account *a, const struct wishes *w)
{
    while (w->all && a->count)
        take_away(a, GW_CONTAINER(a->bindings.next, struct sip_binding, link));
    for (size_t i = 0; i < w->count; i++) {
        struct sip_binding *old = sip_binding_find(a, w->list[i].key);

        if (w->list[i].expires_s)
            put(core, m, from, a, &w->list[i], gw_buf_str(&w->path));
        else if (old)
            take_away(a, old);
    }
    if (w->all || w->count)
        sip_account_save(a);
}

/* RFC 3261 10.3 step 8: all that are registered. */
static void put_contacts(struct sip_core *core, const struct sip_account *a)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        const struct sip_binding *b = GW_CONTAINER(it, struct sip_binding, link);
        struct gw_buf *out = &core->out;

        gw_buf_addf(out, "Contact: <%.*s>;expires=%lld", GW_STR_ARG(b->text[SIP_BINDING_URI]),
                    (long long)((b->expires_at - core->now.mono) / GW_SECOND_MS));
        if (b->q != SIP_Q_MAX)
            gw_buf_addf(out, ";q=0.%03d", b->q);
        if (b->text[SIP_BINDING_INSTANCE].len)
            gw_buf_addf(out, ";+sip.instance=%.*s", GW_STR_ARG(b->text[SIP_BINDING_INSTANCE]));
        if (b->reg_id)
            gw_buf_addf(out, ";reg-id=%u", b->reg_id);
        gw_buf_add_cstr(out, "\r\n");
    }
}

static void accept(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                   const struct sip_account *a, const struct wishes *w)
{
    sip_answer_begin(core, m, from, 200, GW_STR(""));
    put_contacts(core, a);
    sip_write_copy(&core->out, m, SIP_PATH, "Path");
    if (w->is_outbound)
        sip_write_header(&core->out, "Require", GW_STR("outbound"));
    sip_answer_send(core, m, from);
}

static void refuse_brief(struct sip_core *core, const struct sip_msg *m,
                         const struct sip_peer *from)
{
    sip_answer_begin(core, m, from, 423, GW_STR(""));
    gw_buf_addf(&core->out, "Min-Expires: %lld\r\n", (long long)core->settings->expires_min_s);
    sip_answer_send(core, m, from);
}

static void wished(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                   const struct wishes *w)
{
    struct sip_account *a = sip_account_take(core, gw_buf_str(&core->login));

    if (!a) {
        sip_answer(core, m, from, 503);
        return;
    }
    if (all_in_order(m, a, w)) {
        apply(core, m, from, a, w);
        accept(core, m, from, a, w);
    } else {
        sip_answer(core, m, from, 500);
    }
    sip_account_settle(a);
}

void sip_register(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct wishes w = { .count = 0 };
    struct gw_str domain;
    unsigned status;

    if (!sip_login_is_on(core)) {
        sip_refuse_method(core, m, from);
        return;
    }
    if (!gw_str_cut(gw_buf_str(&core->login), "@", NULL, &domain) ||
        !gw_str_ieq(m->target.host, domain)) {
        sip_answer(core, m, from,
                   m->to.uri.is_sip ? 404 : 400); /* RFC 3261 10.2: To is a SIP URI */
        return;
    }
    gw_buf_init(&w.path, SIP_ROUTES_MAX);
    status = wishes_read(core, m, from, &w);
    if (status == 423)
        refuse_brief(core, m, from);
    else if (status)
        sip_answer(core, m, from, status);
    else
        wished(core, m, from, &w);
    gw_buf_done(&w.path);
}
