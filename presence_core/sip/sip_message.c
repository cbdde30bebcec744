/* Messages: text, to and from XMPP clients; each by itself (RFC 3428, "pager mode") or, with peers that want
 * it so, in sessions. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_account.h"
#include "sip_typing.h"

enum {
    BODY_MAX = 8 * 1024,
    LINES_MAX = 5000,       /* under way, of all; */
    LINES_OF_ONE_MAX = 100, /* from one user; */
    LINES_TO_ONE_MAX = 500  /* to one domain, which may not answer */
};

/* ---- From users here ---- */

static struct gw_str put(char **at, struct gw_str s)
{
    struct gw_str copy = { *at, s.len };

    if (s.len)
        memcpy(*at, s.p, s.len);
    *at += s.len;
    return copy;
}

void sip_line_free(struct sip_line *l)
{
    sip_out_cancel(&l->out);
    gw_list_remove(&l->link);
    if (l->sender) {
        sip_source_leave(l->core, l->sender, SIP_SOURCE_LINES);
        sip_source_leave(l->core, l->domain, SIP_SOURCE_LINES);
        l->core->line_count--;
    }
    free(l);
}

void sip_message_send(struct sip_core *core, const struct pres_message *m)
{
    struct sip_line *l = gw_alloc(sizeof(*l) + m->from.len + m->to.len + m->body.len + m->id.len);
    char *at = l->text;

    l->core = core;
    l->from = put(&at, m->from);
    l->to = put(&at, m->to);
    l->body = put(&at, m->body);
    l->id = put(&at, m->id);
    l->chat = m->chat;
    gw_random_hex(l->call_id, 16);
    gw_list_append(&core->lines, &l->link);
    core->lines_new = true;
    core->io->wake(core->io_ctx);
}

static void bounce(struct sip_line *l, enum pres_failure why)
{
    const struct pres_message m = { .from = l->from, .to = l->to, .body = l->body, .id = l->id };

    l->core->counters.messages_failed++;
    pres_message_failed(l->core->pres, &m, why);
    sip_line_free(l);
}

static void write_line(const struct sip_peer *to, struct gw_str us, const char *branch, void *ctx)
{
    struct sip_line *l = ctx;
    struct gw_buf *out = &l->core->out;
    struct gw_str user = l->from;

    (void)gw_str_cut(user, "/", &user, NULL);
    gw_buf_reset(out);
    gw_buf_add_cstr(out, "MESSAGE ");
    sip_write_uri(out, l->to);
    gw_buf_add_cstr(out, " SIP/2.0\r\n");
    sip_write_via(out, to->proto, us, branch);
    gw_buf_add_cstr(out, "Max-Forwards: 70\r\nFrom: <");
    sip_write_uri(out, user);
    gw_buf_addf(out, ">;tag=%.8s\r\nTo: <", l->call_id);
    sip_write_uri(out, l->to);
    gw_buf_addf(out, ">\r\nCall-ID: %s\r\nCSeq: %u MESSAGE\r\n", l->call_id, ++l->cseq);
    if (sip_is_ours(l->core, l->to))
        sip_write_header(out, "User-Agent", GW_STR(SIP_MARKER));
    sip_write_end(out, SIP_TEXT_PLAIN ";charset=UTF-8", l->body);
}

enum pres_failure sip_failure_of(unsigned status, const struct sip_msg *response)
{
    static const struct {
        unsigned status;
        enum pres_failure why;
    } whys[] = {
        { 401, PRES_FAILED_REFUSED }, { 403, PRES_FAILED_REFUSED }, { 404, PRES_FAILED_NOBODY },
        { 405, PRES_FAILED_UNFIT },   { 406, PRES_FAILED_UNFIT },   { 407, PRES_FAILED_REFUSED },
        { 410, PRES_FAILED_NOBODY },  { 413, PRES_FAILED_UNFIT },   { 415, PRES_FAILED_UNFIT },
        { 480, PRES_FAILED_AWAY },    { 484, PRES_FAILED_NOBODY },  { 486, PRES_FAILED_AWAY },
        { 487, PRES_FAILED_AWAY },    { 488, PRES_FAILED_UNFIT },   { 501, PRES_FAILED_UNFIT },
        { 600, PRES_FAILED_AWAY },    { 603, PRES_FAILED_REFUSED }, { 604, PRES_FAILED_NOBODY },
        { 606, PRES_FAILED_UNFIT },
    };

    for (size_t i = 0; response && i < sizeof(whys) / sizeof(whys[0]); i++) {
        if (whys[i].status == status)
            return whys[i].why;
    }
    return PRES_FAILED_UNREACHED;
}

/* The answer to who is here himself, RFC 7247 7.1. */
static unsigned status_of(enum pres_failure why)
{
    static const unsigned statuses[] = {
        [PRES_FAILED_NOBODY] = 404, [PRES_FAILED_REFUSED] = 403,   [PRES_FAILED_AWAY] = 480,
        [PRES_FAILED_UNFIT] = 488,  [PRES_FAILED_UNREACHED] = 504, [PRES_FAILED_FULL] = 500,
    };

    return statuses[why];
}

void sip_line_sent(struct sip_line *l)
{
    l->core->counters.messages_out++;
    sip_line_free(l);
}

void sip_line_failed(struct sip_line *l, unsigned status, const struct sip_msg *response,
                     const struct gw_err *err)
{
    char to[GW_QUOTE_MAX];

    gw_info("sip", "message not delivered to=%s result=%u reason=\"%s\"", gw_quote(l->to, to),
            status, err ? err->msg : sip_reason(status));
    bounce(l, err && err->code == GW_LIMIT ? PRES_FAILED_FULL : sip_failure_of(status, response));
}

static void line_done(unsigned status, const struct sip_msg *response, const struct sip_hop *hop,
                      const struct gw_err *err, gw_time now, void *ctx)
{
    struct sip_line *l = ctx;

    (void)hop;
    (void)now;
    l->out = NULL;
    if (status < 300)
        sip_line_sent(l);
    else
        sip_line_failed(l, status, response, err);
}

/* What the user does there, without a word. */
static void chat_done(struct sip_line *l)
{
    struct gw_str local = l->from;

    (void)gw_str_cut(local, "/", &local, NULL);
    sip_session_do(l->core, local, l->to, l->chat);
    sip_line_free(l);
}

/* False: too much is under way, from there or to there. */
static bool take_place(struct sip_line *l)
{
    struct gw_str user = l->from, domain = l->to;
    struct sip_core *core = l->core;

    (void)gw_str_cut(user, "/", &user, NULL);
    (void)gw_str_cut(domain, "@", NULL, &domain);
    if (core->line_count >= LINES_MAX ||
        sip_source_count(core, user, SIP_SOURCE_LINES) >= LINES_OF_ONE_MAX ||
        sip_source_count(core, domain, SIP_SOURCE_LINES) >= LINES_TO_ONE_MAX)
        return false;
    l->sender = sip_source_take(core, user, SIP_SOURCE_LINES);
    l->domain = sip_source_take(core, domain, SIP_SOURCE_LINES);
    core->line_count++;
    return true;
}

static void line_start(struct sip_line *l)
{
    struct sip_core *core = l->core;
    struct gw_err err;

    if (!l->body.len) {
        chat_done(l);
        return;
    }
    if (!core->settings->messages || l->body.len > BODY_MAX) {
        bounce(l, PRES_FAILED_UNFIT);
        return;
    }
    if (!take_place(l)) {
        bounce(l, PRES_FAILED_FULL);
        return;
    }
    if (sip_session_is_mode(core, l->to)) {
        if (!sip_session_say(core, l))
            bounce(l, PRES_FAILED_FULL);
        return;
    }
    l->out = sip_out_start(core,
                           &(struct sip_out_args){ .address = l->to,
                                                   .method = SIP_MESSAGE,
                                                   .write = write_line,
                                                   .done = line_done,
                                                   .ctx = l },
                           &err);
    if (!l->out)
        bounce(l, PRES_FAILED_UNREACHED);
}

gw_time sip_messages_deadline(const struct sip_core *core)
{
    return core->lines_new ? INT64_MIN : GW_NEVER;
}

void sip_messages_tick(struct sip_core *core)
{
    struct gw_list *it, *tmp;

    if (!core->lines_new)
        return;
    core->lines_new = false;
    GW_LIST_EACH(&core->lines, it, tmp)
    {
        struct sip_line *l = GW_CONTAINER(it, struct sip_line, link);

        if (!l->out)
            line_start(l);
    }
}

void sip_messages_free(struct sip_core *core)
{
    while (!gw_list_is_empty(&core->lines))
        sip_line_free(GW_CONTAINER(core->lines.next, struct sip_line, link));
}

/* ---- To users here ---- */

/* Text as XML takes it, in any lines. */
static bool is_text(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
            return false;
    }
    return gw_str_is_utf8(s);
}

/* Of who has logged in, to somebody elsewhere: a full JID while he is registered, so that answers reach this
 * client, and what is said of a failure. */
static unsigned send_on(struct sip_core *core, struct pres_message *line)
{
    const struct sip_account *a = sip_account_find(core, gw_buf_str(&core->login));
    enum pres_failure why = PRES_FAILED_NOBODY;
    char id[2 * 8 + 1];
    struct gw_buf from;
    unsigned status;

    gw_buf_init(&from, 4 * PRES_JID_MAX);
    gw_buf_add_str(&from, line->from);
    if (a) {
        gw_buf_add_char(&from, '/');
        gw_buf_add_str(&from, pres_session_resource(a->session));
    }
    gw_random_hex(id, 8);
    line->from = gw_buf_str(&from);
    line->id = gw_str_of(id);
    status = pres_message_try(core->pres, line, &why) ? 202 : status_of(why);
    gw_buf_done(&from);
    return status;
}

unsigned sip_message_take(struct sip_core *core, const struct sip_msg *m, struct gw_str remote,
                          struct gw_str local, enum pres_chat chat)
{
    struct pres_message line = { .from = remote, .to = local, .body = m->body, .chat = chat };
    bool is_known = pres_user_is_known(core->pres, pres_inner(core->pres, local, remote));

    if (!is_known && !core->login.len)
        return 404;
    if (!gw_str_iis(sip_msg_type(m), SIP_TEXT_PLAIN))
        return 415;
    if (m->body.len > BODY_MAX)
        return 413;
    if (!is_text(m->body))
        return 400;
    if (!m->body.len)
        return 200;
    if (!is_known)
        return send_on(core, &line); /* what becomes of it is not known */
    return pres_abroad_message(core->pres, &line) ? 200 : 480;
}

/* RFC 3994 outside of sessions. */
static unsigned take_typing(struct sip_core *core, const struct sip_msg *m, struct gw_str from,
                            struct gw_str to)
{
    struct pres_message line = { .from = from, .to = to };
    struct sip_typing typing;
    struct gw_err err;

    if (sip_typing_read(SIP_TYPING_COMPOSING, m->body, &typing, &err))
        return 400;
    line.chat = typing.chat;
    if (!pres_user_is_known(core->pres, pres_inner(core->pres, to, from)))
        return send_on(core, &line);
    return pres_abroad_message(core->pres, &line) ? 200 : 480;
}

static unsigned take(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *peer,
                     struct gw_str from, struct gw_str to)
{
    if (!from.len || !sip_believes(core, from, peer))
        return 403;
    /* One who has logged in also sends to others. */
    if (!to.len ||
        (!core->login.len && !pres_user_is_known(core->pres, pres_inner(core->pres, to, from))))
        return 404;
    if (gw_str_iis(sip_msg_type(m), sip_typing_types[SIP_TYPING_COMPOSING]))
        return take_typing(core, m, from, to);
    return sip_message_take(core, m, from, to, PRES_CHAT_UNSAID);
}

void sip_message(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct gw_buf sender, user;
    unsigned status;

    if (!core->settings->messages) {
        sip_refuse_method(core, m, from);
        return;
    }
    if (m->to.tag.len) {
        sip_session_message(core, m, from);
        return;
    }
    gw_buf_init(&sender, SIP_URI_MAX);
    gw_buf_init(&user, SIP_URI_MAX);
    status = take(core, m, from, sip_address_of(&m->from.uri, &sender),
                  sip_address_of(&m->target, &user));
    core->counters.messages_in += status < 300;
    sip_answer_begin(core, m, from, status, GW_STR(""));
    if (status == 415)
        sip_write_header(&core->out, "Accept", GW_STR(SIP_TEXT_PLAIN));
    sip_answer_send(core, m, from);
    gw_buf_done(&sender);
    gw_buf_done(&user);
}
