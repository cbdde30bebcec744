/* SUBSCRIBE comes in (RFC 6665 4.2.1, RFC 3856): what is refused, what begins, goes on, or ends. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "sip_access.h"
#include "sip_account.h"
#include "sip_escape.h"

enum {
    EXPIRES_DEFAULT_S = 3600,
    RETRY_AFTER_S = 60,
    RETRY_UNPROVEN_S = 2,
    EVENT_ID_MAX = 128,
    ADDRESS_MAX = 1024,
    NAME_ADDR_MAX = 1024
};

/* ---- Refusals that say more ---- */

static void refuse_with(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                        unsigned status, const char *name, struct gw_str value)
{
    sip_answer_begin(core, m, from, status, GW_STR(""));
    sip_write_header(&core->out, name, value);
    sip_answer_send(core, m, from);
}

static void refuse_number(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from, unsigned status, const char *name,
                          int64_t value)
{
    struct gw_buf b;

    gw_buf_init(&b, 32);
    gw_buf_addf(&b, "%lld", (long long)value);
    refuse_with(core, m, from, status, name, gw_buf_str(&b));
    gw_buf_done(&b);
}

/* ---- What the request says ---- */

static bool is_winfo(const struct sip_msg *m)
{
    return gw_str_is(m->event, SIP_WINFO);
}

/* RFC 3856 6.2, 6.3: without Accept it is PIDF. */
static bool format_find(const struct sip_msg *m, enum sip_format *out)
{
    struct sip_pos pos = { 0 };
    bool any = false, older = false;
    struct gw_str value;

    if (is_winfo(m)) {
        *out = SIP_WATCHERINFO; /* RFC 3857 4.4: without a choice */
        return true;
    }
    while (sip_msg_next(m, SIP_ACCEPT, &pos, &value)) {
        struct gw_str type = sip_media_type(value);

        any = true;
        *out = SIP_PIDF;
        if (gw_str_iis(type, sip_format_types[SIP_PIDF]) || gw_str_is(type, "*/*") ||
            gw_str_iis(type, "application/*"))
            return true;
        older |= gw_str_iis(type, sip_format_types[SIP_CPIM_PIDF]);
    }
    *out = older ? SIP_CPIM_PIDF : SIP_PIDF;
    return older || !any;
}

struct gw_str sip_address_of(const struct sip_uri *uri, struct gw_buf *out)
{
    size_t at;

    gw_buf_reset(out);
    if (!uri->is_sip || !uri->user.len || gw_str_trim(uri->user).len != uri->user.len)
        return GW_STR("");
    sip_jid_escape(uri->user, out);
    at = out->len;
    gw_buf_add_char(out, '@');
    gw_buf_add_str(out, uri->host);
    for (size_t i = 0; i < out->len; i++) {
        unsigned char c = (unsigned char)out->p[i];

        if (c <= ' ' || c == 0x7f || c == '/' || (c == '@' && i != at))
            return GW_STR("");
        if (c >= 'A' && c <= 'Z')
            out->p[i] = (char)(c | 0x20);
    }
    if (out->failed || out->len > PRES_JID_MAX || !gw_str_is_utf8(gw_buf_str(out)))
        return GW_STR("");
    return gw_buf_str(out);
}

/* RFC 3261 12.1.1: the route set is Record-Route, in its order. Routers are taken for loose ones: strict
 * ones are of RFC 2543. False: too long. */
static bool routes_write(const struct sip_msg *m, struct gw_buf *out)
{
    struct sip_pos pos = { 0 };
    struct gw_str value;

    while (sip_msg_next(m, SIP_RECORD_ROUTE, &pos, &value)) {
        if (out->len)
            gw_buf_add_cstr(out, ", ");
        gw_buf_add_str(out, value);
    }
    return !out->failed;
}

/* RFC 3261 12.1.1 and 19.1.1: the contact of a dialog is one SIP URI, without headers. */
static bool has_target(const struct sip_msg *m)
{
    return m->has_contact && m->contact_count == 1 && m->contact.uri.is_sip &&
           !m->contact.uri.has_headers;
}

/* Where requests of the dialog go: the first route, or the contact; back over the way it came to a user's
 * own client, which may be behind an address translation, when nobody is between. 0, or what to answer. */
static unsigned next_hop(struct sip_core *core, const struct sip_msg *m, struct gw_str watcher,
                         const struct sip_peer *from, struct sip_peer *out)
{
    struct sip_addr route = { .uri = m->contact.uri };
    struct sip_pos pos = { 0 };
    struct gw_str value;
    bool is_routed = sip_msg_next(m, SIP_RECORD_ROUTE, &pos, &value);

    if (is_routed && sip_addr_parse(value, &core->msg->arena, &route, NULL))
        return 400;
    if (!is_routed && core->login.len && m->via_count == 1) {
        *out = *from;
        return 0;
    }
    return sip_hop_of(core, &route.uri, watcher, from, out);
}

static int64_t expires_of(const struct sip_core *core, const struct sip_msg *m)
{
    int64_t s = m->expires < 0 ? EXPIRES_DEFAULT_S : m->expires;

    return s < core->settings->expires_max_s ? s : core->settings->expires_max_s;
}

/* RFC 6665 4.2.1.1: an interval is too brief when it is below an hour and what is set. */
static bool is_brief(const struct sip_core *core, int64_t expires_s)
{
    return expires_s > 0 && expires_s < core->settings->expires_min_s;
}

/* ---- It is taken ---- */

static void accept_answer(struct sip_core *core, const struct sip_msg *m,
                          const struct sip_peer *from, const struct sip_sub *s, int64_t expires_s)
{
    sip_answer_begin(core, m, from, 200, sip_sub_text(s, SIP_TEXT_TAG));
    if (!m->to.tag.len)
        sip_write_record_route(core, &core->out, sip_sub_text(s, SIP_TEXT_WATCHER), s->proto);
    sip_write_copy(&core->out, m, SIP_RECORD_ROUTE, "Record-Route");
    sip_write_contact(&core->out, sip_sub_text(s, SIP_TEXT_US), s->proto);
    gw_buf_add_cstr(&core->out, "Expires: ");
    gw_buf_add_uint(&core->out, (uint64_t)expires_s);
    gw_buf_add_cstr(&core->out, "\r\n");
    sip_answer_send(core, m, from);
}

/* The end of what goes on: the answer first, then the notification that RFC 6665 4.2.1.2 asks for
 * whatever has changed. */
static void accept(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                   struct sip_sub *s, int64_t expires_s)
{
    s->expires_at = gw_time_after(core->now.mono, expires_s * GW_SECOND_MS);
    accept_answer(core, m, from, s, expires_s);
    if (expires_s > 0)
        sip_sub_save(s);
    sip_sub_stir(s, true);
    sip_subs_tick(core);
}

static void begin(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                  struct sip_sub_args *args, int64_t expires_s)
{
    struct gw_buf us, routes;
    struct sip_peer hop;
    char tag[SIP_OWN_TAG_LEN + 1], watcher[GW_QUOTE_MAX];
    unsigned status;
    struct sip_sub *s;

    gw_buf_init(&us, ADDRESS_MAX);
    gw_buf_init(&routes, SIP_ROUTES_MAX);
    status = next_hop(core, m, args->text[SIP_TEXT_WATCHER], from, &hop);
    if (status || !routes_write(m, &routes)) {
        sip_answer(core, m, from, status ? status : 400);
        goto out;
    }
    core->io->local(&(struct sip_peer){ .proto = hop.proto,
                                        .conn = hop.proto == from->proto ? from->conn : 0,
                                        .host = from->host,
                                        .port = from->port },
                    &us, core->io_ctx);
    gw_random_hex(tag, SIP_OWN_TAG_LEN / 2);
    args->text[SIP_TEXT_TAG] = gw_str_of(tag);
    args->text[SIP_TEXT_CALL_ID] = m->call_id;
    args->text[SIP_TEXT_REMOTE_TAG] = m->from.tag;
    args->text[SIP_TEXT_LOCAL] = m->to.text;
    args->text[SIP_TEXT_REMOTE] = m->from.text;
    args->text[SIP_TEXT_TARGET] = m->contact.uri.text;
    args->text[SIP_TEXT_ROUTES] = gw_buf_str(&routes);
    args->text[SIP_TEXT_EVENT_ID] = m->event_id;
    args->text[SIP_TEXT_US] = gw_buf_str(&us);
    args->text[SIP_TEXT_HOST] = hop.host;
    args->text[SIP_TEXT_SOURCE] = from->host;
    args->proto = hop.proto;
    args->port = hop.port;
    args->conn = hop.proto == from->proto ? from->conn : 0;
    args->remote_cseq = m->cseq;
    gw_debug("sip", "subscribe from=%s user='%.*s' peer=%.*s expires=%lld",
             gw_quote(args->text[SIP_TEXT_WATCHER], watcher), GW_STR_ARG(args->user),
             GW_STR_ARG(from->host), (long long)expires_s);
    if (core->login.len && !(args->account = sip_account_take(core, gw_buf_str(&core->login)))) {
        sip_answer(core, m, from, 503);
        goto out;
    }
    status = sip_contact_is(core, args->user) && expires_s
                 ? sip_contact_ask(args->account, args->user)
                 : 0;
    if (status) {
        sip_answer(core, m, from, status);
        sip_account_settle(args->account);
        goto out;
    }
    if (!sip_contact_is(core, args->user) && !gw_str_eq(args->text[SIP_TEXT_WATCHER], args->user) &&
        !pres_is_watched_by(core->pres, args->user, args->text[SIP_TEXT_WATCHER]))
        pres_abroad_request(core->pres, PRES_SUBSCRIBE, args->text[SIP_TEXT_WATCHER],
                            pres_outer(core->pres, args->user, args->text[SIP_TEXT_WATCHER]),
                            GW_STR(""));
    s = sip_sub_new(core, args);
    s->source->is_proven |= from->proto != SIP_UDP;
    if (!s->source->is_proven)
        sip_sub_doubt(s);
    accept(core, m, from, s, expires_s);
out:
    gw_buf_done(&us);
    gw_buf_done(&routes);
}

/* After how many seconds it may be tried again; 0: there is room. */
static int64_t full_s(const struct sip_core *core, const struct sip_peer *from)
{
    if (gw_map_len(core->subs) >= (size_t)core->settings->subscriptions_max ||
        sip_source_count(core, from->host, SIP_SOURCE_SUBS) >=
            (size_t)core->settings->subscriptions_per_peer)
        return RETRY_AFTER_S;
    return sip_source_is_doubtful(core, from) ? RETRY_UNPROVEN_S : 0;
}

static void first(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                  int64_t expires_s)
{
    struct sip_sub_args args = { .port = 0 };
    struct gw_buf user, watcher;

    gw_buf_init(&user, ADDRESS_MAX);
    gw_buf_init(&watcher, ADDRESS_MAX);
    args.text[SIP_TEXT_WATCHER] = sip_address_of(&m->from.uri, &watcher);
    args.user =
        pres_inner(core->pres, sip_address_of(&m->target, &user), args.text[SIP_TEXT_WATCHER]);
    if (!has_target(m) || !m->from.tag.len || m->from.text.len > NAME_ADDR_MAX ||
        m->to.text.len > NAME_ADDR_MAX)
        sip_answer(core, m, from, 400);
    else if (!args.text[SIP_TEXT_WATCHER].len ||
             !sip_believes(core, args.text[SIP_TEXT_WATCHER], from))
        sip_answer(core, m, from, 403);
    else if (!args.user.len || (!pres_user_is_known(core->pres, args.user) &&
                                (is_winfo(m) || !sip_contact_is(core, args.user))))
        sip_answer(core, m, from, 404);
    else if (is_winfo(m) && (!core->login.len || !gw_str_eq(args.user, gw_buf_str(&core->login))))
        sip_answer(core, m, from, 403); /* who watches is told to nobody else */
    else if (!format_find(m, &args.format))
        refuse_with(core, m, from, 406, "Accept",
                    GW_STR("application/pidf+xml, application/cpim-pidf+xml"));
    else if (full_s(core, from)) {
        core->counters.refused_limit++;
        refuse_number(core, m, from, 503, "Retry-After", full_s(core, from));
    } else
        begin(core, m, from, &args, expires_s);
    gw_buf_done(&user);
    gw_buf_done(&watcher);
}

/* ---- It goes on ---- */

static void again(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                  int64_t expires_s)
{
    struct sip_sub *s = sip_sub_find(core, m->to.tag);
    struct sip_peer hop;
    unsigned status;
    bool moves;

    if (!s || s->over || !gw_str_eq(sip_sub_text(s, SIP_TEXT_CALL_ID), m->call_id) ||
        !gw_str_eq(sip_sub_text(s, SIP_TEXT_REMOTE_TAG), m->from.tag) ||
        !gw_str_eq(sip_sub_text(s, SIP_TEXT_EVENT_ID), m->event_id) ||
        is_winfo(m) != (s->format == SIP_WATCHERINFO)) {
        sip_answer(core, m, from, 481);
        return;
    }
    if (m->cseq <= s->remote_cseq) { /* RFC 3261 12.2.2: out of order */
        sip_answer(core, m, from, 500);
        return;
    }
    if (m->contact_count && !has_target(m)) {
        sip_answer(core, m, from, 400);
        return;
    }
    if (!sip_believes(core, sip_sub_text(s, SIP_TEXT_WATCHER), from) ||
        (s->format == SIP_WATCHERINFO && !core->login.len)) {
        sip_answer(core, m, from, 403);
        return;
    }
    /* A target refresh; the route set stays what it was. */
    moves = m->contact_count && !sip_sub_text(s, SIP_TEXT_ROUTES).len;
    status = moves ? next_hop(core, m, sip_sub_text(s, SIP_TEXT_WATCHER), from, &hop) : 0;
    if (status) {
        sip_answer(core, m, from, status);
        return;
    }
    s->remote_cseq = m->cseq;
    if (m->contact_count)
        sip_sub_replace(s, SIP_TEXT_TARGET, m->contact.uri.text);
    if (moves) {
        sip_sub_replace(s, SIP_TEXT_HOST, hop.host);
        s->port = hop.port;
        s->proto = hop.proto;
    }
    s->conn = s->proto == from->proto ? from->conn : 0;
    accept(core, m, from, s, expires_s);
}

void sip_subscribe(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    int64_t expires_s = expires_of(core, m);

    if ((!gw_str_is(m->event, "presence") && !(is_winfo(m) && sip_login_is_on(core))) ||
        m->event_id.len > EVENT_ID_MAX)
        refuse_with(core, m, from, 489, "Allow-Events", sip_events(core));
    else if (is_brief(core, expires_s))
        refuse_number(core, m, from, 423, "Min-Expires", core->settings->expires_min_s);
    else if (m->to.tag.len)
        again(core, m, from, expires_s);
    else
        first(core, m, from, expires_s);
}
