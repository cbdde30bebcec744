/* Sessions from our side: they begin with the first line to be said, carry one request at a time, and end
 * when nobody has said anything for a while. A line that a session could not carry any more is said once
 * more in a new one. The requests of peers are in sip_session_in.c. */
#include "sip_session.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_access.h"

enum {
    DATAGRAM_MAX = 1300,         /* RFC 3261 18.1.1: larger ones go over a stream */
    SESSIONS_OF_USER_MAX = 1000, /* that one user here has begun */
    FORKS_MAX = 16 /* that are ended, of one INVITE; others end by themselves, without ACK */
};

static const char *const state_names[] = { [SIP_SESSION_CALLING] = "calling",
                                           [SIP_SESSION_CALLED] = "called",
                                           [SIP_SESSION_UP] = "up",
                                           [SIP_SESSION_LEAVING] = "leaving" };

/* ---- Talks ---- */

struct gw_str sip_pair_write(struct gw_buf *out, struct gw_str local, struct gw_str remote)
{
    gw_buf_init(out, 2 * PRES_JID_MAX + 1);
    gw_buf_add_str(out, local);
    gw_buf_add_char(out, '\n');
    gw_buf_add_str(out, remote);
    return gw_buf_str(out);
}

struct sip_talk *sip_talk_find(const struct sip_core *core, struct gw_str local,
                               struct gw_str remote)
{
    struct gw_buf pair;
    struct sip_talk *talk = gw_map_get(core->talks, sip_pair_write(&pair, local, remote));

    gw_buf_done(&pair);
    return talk;
}

struct sip_talk *sip_talk_take(struct sip_core *core, struct gw_str local, struct gw_str remote)
{
    struct sip_talk *talk = sip_talk_find(core, local, remote);
    struct gw_buf pair;
    struct gw_str key;

    if (talk)
        return talk;
    key = sip_pair_write(&pair, local, remote);
    talk = gw_alloc(sizeof(*talk) + key.len);
    talk->core = core;
    gw_list_init(&talk->sessions);
    gw_list_init(&talk->lines);
    memcpy(talk->text, key.p, key.len);
    talk->pair = (struct gw_str){ talk->text, key.len };
    talk->local = gw_str_sub(talk->pair, 0, local.len);
    talk->remote = gw_str_sub(talk->pair, local.len + 1, key.len);
    gw_buf_done(&pair);
    gw_map_set(core->talks, talk->pair, talk);
    return talk;
}

static void talk_free(struct sip_talk *talk)
{
    gw_map_remove(talk->core->talks, talk->pair);
    free(talk);
}

static struct sip_session *speaker(const struct sip_talk *talk)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&talk->sessions, it, tmp)
    {
        struct sip_session *s = GW_CONTAINER(it, struct sip_session, link);

        if (s->state != SIP_SESSION_LEAVING && !s->is_unwanted &&
            !(s->state == SIP_SESSION_CALLING && s->is_retired))
            return s;
    }
    return NULL;
}

static struct sip_line *line_pop(struct sip_talk *talk)
{
    struct gw_list *link = gw_list_pop(&talk->lines);

    if (!link)
        return NULL;
    talk->line_count--;
    return GW_CONTAINER(link, struct sip_line, link);
}

static void line_put_back(struct sip_talk *talk, struct sip_line *line)
{
    gw_list_prepend(&talk->lines, &line->link);
    talk->line_count++;
}

/* ---- Life ---- */

struct sip_session *sip_session_new(struct sip_talk *talk, enum sip_session_state state)
{
    struct sip_core *core = talk->core;
    struct sip_session *s = gw_new(struct sip_session);

    s->talk = talk;
    s->state = state;
    s->is_inbound = state == SIP_SESSION_CALLED;
    s->chat = s->chat_told = PRES_CHAT_PAUSED;
    s->typing_until = GW_NEVER;
    s->since = core->now.utc;
    s->begun_at = core->now.mono;
    gw_list_append(&talk->sessions, &s->link);
    core->session_count++;
    return s;
}

void sip_session_free(struct sip_session *s)
{
    struct sip_core *core = s->talk->core;

    sip_out_cancel(&s->out);
    sip_ask_cancel(&s->ask);
    if (s->line)
        sip_line_free(s->line);
    sip_source_leave(core, s->source, SIP_SOURCE_SESSIONS);
    sip_grant_leave(&s->grant);
    sip_unproven_leave(core, &s->unproven);
    gw_heap_remove(&core->session_due, &s->due);
    gw_map_remove(core->session_tags, gw_str_of(s->dialog.tag));
    gw_list_remove(&s->link);
    sip_dialog_done(&s->dialog);
    free(s->answer);
    free(s->answer_host);
    free(s);
    core->session_count--;
}

void sip_sessions_free(struct sip_core *core)
{
    struct sip_talk *talk;
    size_t pos = 0;

    while ((talk = gw_map_next(core->talks, &pos))) {
        struct sip_line *line;

        while (!gw_list_is_empty(&talk->sessions))
            sip_session_free(GW_CONTAINER(talk->sessions.next, struct sip_session, link));
        while ((line = line_pop(talk)))
            sip_line_free(line);
        talk_free(talk);
    }
}

void sip_session_arm(struct sip_session *s)
{
    struct gw_heap *heap = &s->talk->core->session_due;
    gw_time at = GW_NEVER;

    switch (s->state) {
    case SIP_SESSION_CALLED:
        at = s->answer_at;
        break;
    case SIP_SESSION_UP:
        at = s->idle_at < s->typing_until ? s->idle_at : s->typing_until;
        break;
    case SIP_SESSION_CALLING: /* the transaction ends them */
    case SIP_SESSION_LEAVING:
        break;
    }
    if (at == GW_NEVER)
        gw_heap_remove(heap, &s->due);
    else
        gw_heap_set(heap, &s->due, at);
}

void sip_session_enter(struct sip_session *s, enum sip_session_state state)
{
    char remote[GW_QUOTE_MAX];

    gw_debug("sip", "session call=%s user='%.*s' peer=%s %s -> %s", s->dialog.call_id,
             GW_STR_ARG(s->talk->local), gw_quote(s->talk->remote, remote), state_names[s->state],
             state_names[state]);
    s->state = state;
    sip_session_arm(s);
}

void sip_session_used(struct sip_session *s)
{
    struct sip_core *core = s->talk->core;

    s->idle_at = gw_time_after(core->now.mono, s->is_retired
                                                   ? SIP_GIVE_UP_MS
                                                   : core->settings->session_idle_s * GW_SECOND_MS);
    sip_session_arm(s);
}

void sip_session_tell(struct sip_session *s, enum pres_chat chat)
{
    const struct pres_message m = { .from = s->talk->remote, .to = s->talk->local, .chat = chat };

    (void)pres_abroad_message(s->talk->core->pres, &m); /* whoever is not there types to nobody */
}

/* ---- Requests ---- */

/* Into core->out. */
static void write_request(struct sip_session *s, enum sip_method method, const char *type,
                          struct gw_str body, enum sip_proto proto, const char *branch)
{
    struct sip_core *core = s->talk->core;
    const struct sip_peer to = sip_dialog_peer(&s->dialog);
    struct gw_buf us;

    gw_buf_init(&us, SIP_URI_MAX);
    core->io->local(&to, &us, core->io_ctx);
    gw_buf_reset(&core->out);
    sip_dialog_write(&s->dialog, sip_method_name(method), s->dialog.cseq, proto, gw_buf_str(&us),
                     branch, &core->out);
    if (sip_is_ours(core, s->talk->remote))
        sip_write_header(&core->out, "User-Agent", GW_STR(SIP_MARKER));
    sip_write_end(&core->out, type, body);
    gw_buf_done(&us);
}

static void request(struct sip_session *s, enum sip_method method, const char *type,
                    struct gw_str body, sip_txn_done_fn *done)
{
    struct sip_core *core = s->talk->core;
    struct sip_peer to = sip_dialog_peer(&s->dialog);
    char branch[SIP_BRANCH_LEN + 1];

    s->dialog.cseq++;
    sip_txns_branch(core->txns, branch);
    write_request(s, method, type, body, to.proto, branch);
    if (to.proto == SIP_UDP && core->out.len > DATAGRAM_MAX) {
        to.proto = SIP_TCP;
        to.conn = 0;
        write_request(s, method, type, body, to.proto, branch);
    }
    sip_ask_start(core, &s->ask,
                  &(struct sip_txn_args){ .to = &to,
                                          .branch = branch,
                                          .method = method,
                                          .bytes = gw_buf_str(&core->out),
                                          .done = done,
                                          .ctx = s });
}

/* RFC 3261 13.2.2.4: of the 2xx, a transaction of its own, without an answer. */
static void acknowledge(struct sip_session *s)
{
    struct sip_core *core = s->talk->core;
    const struct sip_peer to = sip_dialog_peer(&s->dialog);
    char branch[SIP_BRANCH_LEN + 1];
    uint32_t cseq = s->dialog.cseq;

    sip_txns_branch(core->txns, branch);
    s->dialog.cseq = s->invite_cseq;
    write_request(s, SIP_ACK, NULL, GW_STR(""), to.proto, branch);
    s->dialog.cseq = cseq;
    sip_ask_acknowledge(core, &to, branch, gw_buf_str(&core->out));
}

/* ---- The end ---- */

static void bye_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct sip_session *s = ctx;
    struct sip_talk *talk = s->talk;

    (void)status; /* it is over, whatever is said to that */
    (void)response;
    (void)now;
    s->ask = (struct sip_ask){ .txn = NULL };
    sip_session_free(s);
    sip_talk_go_on(talk);
}

void sip_session_leave(struct sip_session *s)
{
    if (s->state == SIP_SESSION_LEAVING)
        return;
    s->is_unwanted = true;
    if (s->state != SIP_SESSION_UP || sip_ask_is_on(&s->ask))
        return; /* its answer, its ACK (RFC 3261 15), or what is on its way first */
    sip_session_enter(s, SIP_SESSION_LEAVING);
    request(s, SIP_BYE, NULL, GW_STR(""), bye_done);
}

void sip_session_retire(struct sip_session *s)
{
    s->is_retired = true;
    if (s->state == SIP_SESSION_UP)
        sip_session_used(s);
    else if (s->state == SIP_SESSION_CALLING && !sip_out_give_up(&s->out))
        sip_session_lost(s);
}

void sip_session_dismiss(struct sip_session *s)
{
    s->is_unwanted = true;
    s->idle_at = INT64_MIN;
    sip_session_arm(s);
}

void sip_session_shut(struct sip_session *s)
{
    s->is_over = true;
    sip_session_dismiss(s);
}

void sip_session_lost(struct sip_session *s)
{
    struct sip_talk *talk = s->talk;
    struct sip_line *line = s->line;

    s->line = NULL;
    sip_session_free(s);
    if (line && line->is_retried) {
        sip_line_failed(line, 481, NULL, NULL);
    } else if (line) {
        line->is_retried = true;
        line_put_back(talk, line);
    }
    sip_talk_go_on(talk);
}

/* ---- Lines ---- */

/* RFC 5057 5.1: what such an answer to one request says of the whole dialog. */
static bool ends_dialog(unsigned status)
{
    static const unsigned ends[] = {
        404, 408, 410, 416, 480, 481, 482, 483, 484, 485, 502, 503, 604
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends[i] == status)
            return true;
    }
    return false;
}

static void carried(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct sip_session *s = ctx;
    struct sip_talk *talk = s->talk;
    struct sip_line *line = s->line;

    (void)now;
    s->ask = (struct sip_ask){ .txn = NULL };
    if (status == 481 ||
        (status == 503 && !response)) { /* the dialog is not there, or not reached */
        sip_session_lost(s);
        return;
    }
    s->line = NULL;
    if (line && status < 300) {
        s->lines_out++;
        sip_line_sent(line);
    } else if (line) {
        sip_line_failed(line, status, response, NULL);
    } else if (status >= 300) {
        s->has_no_typing = true;
    }
    if (ends_dialog(status)) {
        sip_session_free(s);
        sip_talk_go_on(talk);
        return;
    }
    if (s->is_unwanted)
        sip_session_leave(s);
    sip_talk_go_on(talk);
}

static void say(struct sip_session *s, struct sip_line *line)
{
    s->line = line;
    s->chat = s->chat_told = PRES_CHAT_PAUSED; /* RFC 3994 3.2: who has sent it types no more */
    sip_session_used(s);
    request(s, SIP_MESSAGE, SIP_TEXT_PLAIN ";charset=UTF-8", line->body, carried);
}

/* To Lync and OCS by INFO, as they have it; to others as RFC 3994 says. */
static void tell_typing(struct sip_session *s)
{
    struct sip_core *core = s->talk->core;
    enum sip_kind kind = SIP_KIND_SIMPLE;
    enum sip_typing_form form;

    (void)sip_sub_admit(core, s->talk->remote, &kind);
    form = kind == SIP_KIND_LYNC ? SIP_TYPING_KEYBOARD : SIP_TYPING_COMPOSING;
    s->chat_told = s->chat;
    gw_buf_reset(&core->body);
    sip_typing_write(form, s->chat, &core->body);
    request(s, form == SIP_TYPING_KEYBOARD ? SIP_INFO : SIP_MESSAGE, sip_typing_types[form],
            gw_buf_str(&core->body), carried);
}

/* In any session of the talk: what comes next waits, so that lines stay in order. */
static bool is_carrying(const struct sip_talk *talk)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&talk->sessions, it, tmp)
    {
        if (GW_CONTAINER(it, struct sip_session, link)->line)
            return true;
    }
    return false;
}

static void session_go_on(struct sip_session *s)
{
    struct sip_line *line;

    if (s->state != SIP_SESSION_UP || sip_ask_is_on(&s->ask) || s != speaker(s->talk) ||
        is_carrying(s->talk))
        return;
    line = line_pop(s->talk);
    if (line)
        say(s, line);
    else if (s->chat != s->chat_told && !s->has_no_typing)
        tell_typing(s);
}

/* ---- INVITE ---- */

static void write_invite(const struct sip_peer *to, struct gw_str us, const char *branch, void *ctx)
{
    struct sip_session *s = ctx;
    struct sip_core *core = s->talk->core;

    gw_buf_reset(&core->body);
    sip_sdp_write(NULL, us, &core->body);
    gw_buf_reset(&core->out);
    s->invite_cseq = ++s->dialog.cseq;
    sip_dialog_write(&s->dialog, "INVITE", s->invite_cseq, to->proto, us, branch, &core->out);
    if (sip_is_ours(core, s->talk->remote))
        sip_write_header(&core->out, "User-Agent", GW_STR(SIP_MARKER));
    sip_write_record_route(core, &core->out, s->talk->remote, to->proto);
    sip_write_contact(&core->out, us, to->proto);
    sip_write_header(&core->out, "Allow", GW_STR(SIP_ALLOW));
    sip_write_end(&core->out, SIP_SDP_TYPE, gw_buf_str(&core->body));
}

/* Nothing that waits can be said there. */
static void lines_failed(struct sip_talk *talk, unsigned status, const struct sip_msg *response,
                         const struct gw_err *err)
{
    struct sip_line *line;

    while ((line = line_pop(talk)))
        sip_line_failed(line, status, response, err);
}

static void refused(struct sip_session *s, unsigned status, const struct sip_msg *response,
                    const struct gw_err *err)
{
    struct sip_talk *talk = s->talk;
    bool is_last = !s->is_retired;

    talk->core->counters.sessions_failed += is_last;
    sip_session_free(s);
    if (is_last && !speaker(talk)) /* one that the peer has begun meanwhile does as well */
        lines_failed(talk, status, response, err);
    sip_talk_go_on(talk);
}

/* What the peer answers to our offer. */
static bool is_fit(const struct sip_msg *m)
{
    struct sip_sdp sdp;

    return !m->body.len || (gw_str_iis(sip_msg_type(m), SIP_SDP_TYPE) &&
                            !sip_sdp_read(m->body, &sdp, NULL) && sip_sdp_is_fit(&sdp));
}

static void invited(unsigned status, const struct sip_msg *m, const struct sip_hop *hop,
                    const struct gw_err *err, gw_time now, void *ctx)
{
    struct sip_session *s = ctx;
    struct sip_talk *talk = s->talk;

    s->out = NULL;
    (void)now;
    if (!m || status >= 300) {
        refused(s, status, m, err);
        return;
    }
    if (!sip_dialog_confirm(talk->core, &s->dialog, m,
                            &(struct sip_peer){ .proto = hop->proto,
                                                .host = gw_str_of(hop->host),
                                                .port = hop->port })) {
        refused(s, 500, NULL, NULL); /* there is no way to say so */
        return;
    }
    acknowledge(s);
    sip_session_enter(s, SIP_SESSION_UP);
    sip_session_used(s);
    if (!is_fit(m)) {
        talk->core->counters.sessions_failed++;
        sip_session_leave(s);
        if (!speaker(talk))
            lines_failed(talk, 488, m, NULL);
    } else if (s->is_unwanted) {
        sip_session_leave(s);
    } else {
        talk->core->counters.sessions_out++;
    }
    sip_talk_go_on(talk);
}

static void call(struct sip_talk *talk)
{
    struct sip_core *core = talk->core;
    struct sip_session *s;
    struct gw_err err;

    if (!core->settings->messages) { /* switched off while it waited */
        gw_fail(&err, GW_DENIED, "sip.messages is off");
        lines_failed(talk, 403, NULL, &err);
        return;
    }
    if (core->session_count >= (size_t)core->settings->sessions_max ||
        sip_source_count(core, talk->local, SIP_SOURCE_SESSIONS) >= SESSIONS_OF_USER_MAX) {
        core->counters.refused_limit++;
        gw_fail(&err, GW_LIMIT, "sip.sessions_max is reached, or the user has begun %d",
                SESSIONS_OF_USER_MAX);
        lines_failed(talk, 503, NULL, &err);
        return;
    }
    s = sip_session_new(talk, SIP_SESSION_CALLING);
    s->source = sip_source_take(core, talk->local, SIP_SOURCE_SESSIONS);
    sip_dialog_begin(&s->dialog, talk->local, talk->remote);
    gw_map_set(core->session_tags, gw_str_of(s->dialog.tag), s);
    s->out = sip_out_start(core,
                           &(struct sip_out_args){ .address = talk->remote,
                                                   .method = SIP_INVITE,
                                                   .write = write_invite,
                                                   .done = invited,
                                                   .ctx = s },
                           &err);
    if (s->out)
        return;
    sip_session_free(s);
    lines_failed(talk, 503, NULL, &err);
}

void sip_talk_go_on(struct sip_talk *talk)
{
    struct sip_session *s = speaker(talk);

    if (s)
        session_go_on(s);
    else if (!gw_list_is_empty(&talk->lines))
        call(talk);
    if (gw_list_is_empty(&talk->sessions) && gw_list_is_empty(&talk->lines))
        talk_free(talk);
}

/* ---- What users here say ---- */

bool sip_session_is_mode(struct sip_core *core, struct gw_str remote)
{
    struct gw_str domain = remote;
    enum sip_kind kind;

    (void)gw_str_cut(remote, "@", NULL, &domain);
    return sip_sub_admit(core, remote, &kind) &&
           sip_session_peers_have(gw_str_of(core->settings->session_peers), domain, kind);
}

bool sip_session_say(struct sip_core *core, struct sip_line *line)
{
    struct gw_str local = line->from;
    struct sip_talk *talk;

    (void)gw_str_cut(local, "/", &local, NULL);
    talk = sip_talk_take(core, local, line->to);
    if (talk->line_count >= SIP_TALK_LINES_MAX)
        return false;
    gw_list_remove(&line->link);
    gw_list_append(&talk->lines, &line->link);
    talk->line_count++;
    sip_talk_go_on(talk);
    return true;
}

/* Only in a session that stands: none begins for it. Who is gone has closed the window: RFC 7573 5. */
void sip_session_do(struct sip_core *core, struct gw_str local, struct gw_str remote,
                    enum pres_chat chat)
{
    struct sip_talk *talk = sip_talk_find(core, local, remote);
    struct sip_session *s = talk ? speaker(talk) : NULL;

    if (!s || s->state != SIP_SESSION_UP)
        return;
    s->chat = chat == PRES_CHAT_COMPOSING ? PRES_CHAT_COMPOSING : PRES_CHAT_PAUSED;
    if (chat == PRES_CHAT_GONE && gw_list_is_empty(&talk->lines))
        sip_session_leave(s);
    else
        session_go_on(s);
}

/* ---- Answers that belong to no transaction ---- */

static void fork_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    (void)status; /* nothing is left of it */
    (void)response;
    (void)now;
    (void)ctx;
}

/* RFC 3261 13.2.2.4: another branch of a request that was forked has answered, too. One is enough. */
static void end_fork(struct sip_session *s, const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_core *core = s->talk->core;
    struct sip_session other = { .talk = s->talk, .invite_cseq = s->invite_cseq };

    if (s->forks == FORKS_MAX)
        return;
    s->forks++;
    other.dialog.cseq = s->invite_cseq;
    memcpy(other.dialog.tag, s->dialog.tag, sizeof(s->dialog.tag));
    other.dialog.call_id = gw_str_dup(gw_str_of(s->dialog.call_id));
    other.dialog.local = gw_str_dup(gw_str_of(s->dialog.local));
    if (sip_dialog_confirm(core, &other.dialog, m, from)) {
        acknowledge(&other);
        request(&other, SIP_BYE, NULL, GW_STR(""), fork_done);
    }
    sip_dialog_done(&other.dialog);
}

void sip_session_answer(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_session *s = gw_map_get(core->session_tags, m->from.tag);

    if (!s || m->method != SIP_INVITE || m->status < 200 || m->status >= 300 || m->via_count != 1 ||
        s->is_inbound || !s->dialog.remote_tag || m->cseq != s->invite_cseq ||
        !gw_str_is(m->call_id, s->dialog.call_id))
        return;
    if (gw_str_is(m->to.tag, s->dialog.remote_tag))
        acknowledge(s);
    else
        end_fork(s, m, from);
}

/* ---- For who asks ---- */

bool sip_core_session_next(const struct sip_core *core, size_t *pos, struct gw_now now,
                           struct sip_session_info *out)
{
    const struct sip_session *s = gw_map_next(core->session_tags, pos);
    gw_time idle_ms = core->settings->session_idle_s * GW_SECOND_MS;
    struct sip_peer peer;

    if (!s)
        return false;
    peer = sip_dialog_peer(&s->dialog);
    *out = (struct sip_session_info){ .user = s->talk->local,
                                      .peer = s->talk->remote,
                                      .state = state_names[s->state],
                                      .is_inbound = s->is_inbound,
                                      .host = gw_str_of(s->dialog.host),
                                      .port = sip_port_of(&peer),
                                      .proto = s->dialog.proto,
                                      .since = s->since,
                                      .idle_s = -1,
                                      .lines_in = s->lines_in,
                                      .lines_out = s->lines_out,
                                      .waiting = s->talk->line_count + (s->line != NULL) };
    if (s->state == SIP_SESSION_UP && s->idle_at > now.mono - idle_ms)
        out->idle_s = (now.mono - (s->idle_at - idle_ms)) / GW_SECOND_MS;
    return true;
}

/* ---- Time ---- */

/* RFC 3261 13.3.1.4. */
static void called_due(struct sip_session *s, gw_time now)
{
    struct sip_talk *talk = s->talk;
    struct sip_core *core = talk->core;

    if (now >= s->answer_end) {
        gw_info("sip", "session not acknowledged call=%s, ended", s->dialog.call_id);
        core->counters.sessions_failed++;
        s->state = SIP_SESSION_UP; /* as far as BYE may be said now */
        sip_session_leave(s);
        sip_talk_go_on(talk); /* what waited for the ACK */
        return;
    }
    (void)sip_send(core, &s->answer_to, (struct gw_str){ s->answer, s->answer_len });
    s->answer_interval = s->answer_interval * 2 < SIP_T2_MS ? s->answer_interval * 2 : SIP_T2_MS;
    s->answer_at = gw_time_after(now, s->answer_interval);
    if (s->answer_at > s->answer_end)
        s->answer_at = s->answer_end;
    sip_session_arm(s);
}

static void up_due(struct sip_session *s, gw_time now)
{
    if (now >= s->typing_until) { /* RFC 3994 3.3 */
        s->typing_until = GW_NEVER;
        sip_session_tell(s, PRES_CHAT_PAUSED);
    }
    if (now >= s->idle_at)
        sip_session_leave(s);
    else
        sip_session_arm(s);
}

gw_time sip_sessions_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->session_due);

    return first ? first->at : GW_NEVER;
}

void sip_sessions_tick(struct sip_core *core)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&core->session_due, core->now.mono))) {
        struct sip_session *s = GW_CONTAINER(due, struct sip_session, due);

        if (s->state == SIP_SESSION_CALLED)
            called_due(s, core->now.mono);
        else
            up_due(s, core->now.mono);
    }
}

static bool is_welcome(const struct sip_session *s)
{
    return !s->is_inbound || s->grant.account ||
           sip_is_welcome(s->source, s->dialog.proto, s->talk->remote);
}

/* The settings are other ones: with whom nobody may speak any more the sessions end. */
void sip_sessions_apply(struct sip_core *core)
{
    struct sip_session *s;
    enum sip_kind kind;
    size_t pos = 0;

    while ((s = gw_map_next(core->session_tags, &pos))) {
        if (!is_welcome(s))
            sip_session_shut(s);
        else if (!core->settings->messages || !sip_sub_admit(core, s->talk->remote, &kind))
            sip_session_dismiss(s);
    }
    core->io->wake(core->io_ctx);
}
