/* Sessions as peers begin them, speak in them and end them. */
#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_mem.h"
#include "sip_account.h"
#include "sip_session.h"

enum { RETRY_AFTER_S = 60, AGAIN_S = 5, ENDPOINTS_MAX = 2 };

/* ---- What is said ---- */

static unsigned take_typing(struct sip_session *s, const struct sip_msg *m,
                            enum sip_typing_form form)
{
    struct sip_core *core = s->talk->core;
    struct sip_typing typing;
    struct gw_err err;

    if (sip_typing_read(form, m->body, &typing, &err)) {
        gw_debug("sip", "typing unreadable call=%s reason=\"%s\"", s->dialog.call_id, err.msg);
        return 400;
    }
    s->typing_until = typing.chat == PRES_CHAT_COMPOSING
                          ? gw_time_after(core->now.mono, typing.lasts_s * GW_SECOND_MS)
                          : GW_NEVER;
    sip_session_arm(s);
    sip_session_tell(s, typing.chat);
    return 200;
}

static unsigned take(struct sip_session *s, const struct sip_msg *m)
{
    enum sip_typing_form form;
    unsigned status;

    if (sip_typing_find(sip_msg_type(m), &form))
        return take_typing(s, m, form);
    if (m->method == SIP_INFO)
        return m->body.len ? 415 : 200; /* RFC 6086 4.2.2 */
    status = sip_message_take(s->talk->core, m, s->talk->remote, s->talk->local, PRES_CHAT_ACTIVE);
    if (status == 200) {
        s->lines_in++;
        s->typing_until = GW_NEVER; /* who has sent it types no more */
        sip_session_used(s);
    }
    return status;
}

/* ---- Dialogs ---- */

/* The session that a request is in; NULL: it was answered. */
static struct sip_session *find(struct sip_core *core, const struct sip_msg *m,
                                const struct sip_peer *from)
{
    struct sip_session *s = gw_map_get(core->session_tags, m->to.tag);
    unsigned status = s ? sip_dialog_check(&s->dialog, m, from) : 481;

    if (!status)
        return s;
    sip_answer(core, m, from, status);
    return NULL;
}

/* What the peer sends in the dialog says that it has our 2xx, as the ACK does. */
static void acknowledged(struct sip_session *s)
{
    if (s->state != SIP_SESSION_CALLED)
        return;
    free(s->answer);
    s->answer = NULL;
    s->talk->core->counters.sessions_in += s->is_inbound && !s->is_counted;
    s->is_counted = true;
    s->source->is_proven = true; /* of a peer's; it knows our tag */
    sip_session_enter(s, SIP_SESSION_UP);
    sip_session_used(s);
}

/* And now that it is up; the session may be gone afterwards. */
static void go_on(struct sip_session *s)
{
    struct sip_talk *talk = s->talk;

    if (s->is_unwanted)
        sip_session_leave(s);
    sip_talk_go_on(talk);
}

void sip_session_ack(struct sip_core *core, const struct sip_msg *m)
{
    struct sip_session *s = gw_map_get(core->session_tags, m->to.tag);

    if (!s || s->state != SIP_SESSION_CALLED || m->cseq != s->answered_cseq ||
        !gw_str_is(m->call_id, s->dialog.call_id) || !gw_str_is(m->from.tag, s->dialog.remote_tag))
        return;
    acknowledged(s);
    go_on(s);
}

/* MESSAGE or INFO, in a session. */
void sip_session_message(struct sip_core *core, const struct sip_msg *m,
                         const struct sip_peer *from)
{
    struct sip_session *s = find(core, m, from);
    unsigned status;

    if (!s)
        return;
    if (s->state == SIP_SESSION_LEAVING ||
        s->is_over) { /* RFC 3261 15.1.2: we have said BYE, or will */
        sip_answer(core, m, from, 481);
        return;
    }
    acknowledged(s);
    status = take(s, m);
    core->counters.messages_in += status == 200 && m->method == SIP_MESSAGE;
    sip_answer_begin(core, m, from, status, GW_STR(""));
    if (status == 415)
        sip_write_header(&core->out, "Accept",
                         GW_STR(SIP_TEXT_PLAIN ", application/im-iscomposing+xml"));
    sip_answer_send(core, m, from);
    go_on(s);
}

void sip_session_bye(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_session *s = find(core, m, from);

    if (!s)
        return;
    sip_answer(core, m, from, 200);
    gw_debug("sip", "session ended by peer call=%s", s->dialog.call_id);
    if (s->state != SIP_SESSION_LEAVING && !s->is_unwanted)
        sip_session_tell(s, PRES_CHAT_GONE); /* RFC 7573 5 */
    sip_session_lost(s);
}

/* Over a stream no answer is kept: the session tells. */
static bool is_in_talk(struct sip_core *core, const struct sip_msg *m)
{
    struct gw_buf remote, local;
    struct gw_list *it, *tmp;
    struct sip_talk *talk;
    bool found = false;

    gw_buf_init(&remote, SIP_URI_MAX);
    gw_buf_init(&local, SIP_URI_MAX);
    talk = sip_talk_find(core, sip_address_of(&m->target, &local),
                         sip_address_of(&m->from.uri, &remote));
    gw_buf_done(&remote);
    gw_buf_done(&local);
    if (!talk)
        return false;
    GW_LIST_EACH(&talk->sessions, it, tmp)
    {
        const struct sip_session *s = GW_CONTAINER(it, struct sip_session, link);

        found |= s->state == SIP_SESSION_CALLED && m->cseq == s->answered_cseq &&
                 gw_str_is(m->call_id, s->dialog.call_id) &&
                 gw_str_is(m->from.tag, s->dialog.remote_tag);
    }
    return found;
}

/* RFC 3261 9.2: an INVITE has its answer at once, so that nothing can be cancelled any more. */
void sip_session_cancel(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    bool is_known = sip_txns_cancels(core->txns, m) || is_in_talk(core, m);

    sip_answer(core, m, from, is_known ? 200 : 481);
}

/* ---- INVITE ---- */

/* The offer of an INVITE into out; without one (RFC 3264 4) ours is in the answer. */
static unsigned offer_read(const struct sip_msg *m, struct sip_sdp *out)
{
    struct gw_err err;

    if (!m->body.len)
        return 0;
    if (!gw_str_iis(sip_msg_type(m), SIP_SDP_TYPE))
        return 415;
    if (m->body.len > SIP_SDP_MAX)
        return 413;
    if (sip_sdp_read(m->body, out, &err)) {
        gw_debug("sip", "session description unreadable reason=\"%s\"", err.msg);
        return 400;
    }
    return sip_sdp_is_fit(out) ? 0 : 488;
}

/* Talks of more than two: what Lync and OCS send for one, and RFC 4579's mark of a conference. */
static bool is_for_many(const struct sip_msg *m)
{
    struct gw_str rest = m->contact.text, param;
    struct sip_pos pos = { 0 };
    size_t count = 0;

    if (gw_str_iis(sip_msg_type(m), "application/ms-conf-invite+xml"))
        return true;
    while (gw_str_cut(rest, ";", NULL, &rest)) {
        param = rest;
        (void)gw_str_cut(rest, ";", &param, NULL);
        if (gw_str_iis(gw_str_trim(param), "isfocus"))
            return true;
    }
    while (sip_msg_next(m, SIP_ENDPOINTS, &pos, &param))
        count++;
    return count > ENDPOINTS_MAX;
}

static void refuse(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                   unsigned status)
{
    sip_answer_begin(core, m, from, status, GW_STR(""));
    if (status == 415)
        sip_write_header(&core->out, "Accept", GW_STR(SIP_SDP_TYPE));
    if (status == 503)
        gw_buf_addf(&core->out, "Retry-After: %d\r\n", RETRY_AFTER_S);
    sip_answer_send(core, m, from);
}

/* 200, with what was offered as far as it is for messages; it is sent again until the ACK. */
static void accept(struct sip_session *s, const struct sip_msg *m, const struct sip_peer *from,
                   const struct sip_sdp *offer)
{
    struct sip_core *core = s->talk->core;
    const struct sip_peer to = sip_dialog_peer(&s->dialog);
    struct gw_buf us;

    gw_buf_init(&us, SIP_URI_MAX);
    core->io->local(&to, &us, core->io_ctx);
    gw_buf_reset(&core->body);
    sip_sdp_write(m->body.len ? offer : NULL, gw_buf_str(&us), &core->body);
    sip_answer_begin(core, m, from, 200, gw_str_of(s->dialog.tag));
    if (!m->to.tag.len)
        sip_write_record_route(core, &core->out, s->talk->remote, to.proto);
    sip_write_copy(&core->out, m, SIP_RECORD_ROUTE, "Record-Route");
    sip_write_contact(&core->out, gw_buf_str(&us), to.proto);
    sip_write_header(&core->out, "Allow", GW_STR(SIP_ALLOW));
    sip_answer_send_body(core, m, from, SIP_SDP_TYPE, gw_buf_str(&core->body));
    gw_buf_done(&us);
    free(s->answer);
    free(s->answer_host);
    s->answer_to = sip_txns_answer_to(m, from);
    s->answer_host = gw_str_dup(s->answer_to.host);
    s->answer_to.host = gw_str_of(s->answer_host);
    s->answer_len = core->out.len;
    s->answer = gw_str_dup(gw_buf_str(&core->out));
    s->answered_cseq = m->cseq;
    s->answer_interval = SIP_T1_MS;
    s->answer_at = gw_time_after(core->now.mono, SIP_T1_MS);
    s->answer_end = gw_time_after(core->now.mono, SIP_GIVE_UP_MS);
    sip_session_enter(s, SIP_SESSION_CALLED);
}

/* Calls that may have crossed are told apart by what both sides see in them, so that the same one is left on
 * both. Any other session of the pair is one that the peer knows no more, or has left. */
static bool is_preferred(const struct sip_session *s, const struct sip_session *before)
{
    return before->is_inbound || s->begun_at > gw_time_after(before->begun_at, SIP_GIVE_UP_MS) ||
           strcmp(s->dialog.call_id, before->dialog.call_id) < 0;
}

static void take_over(struct sip_session *s)
{
    struct gw_list *it, *tmp;
    bool is_best = true;

    GW_LIST_EACH(&s->talk->sessions, it, tmp)
    {
        struct sip_session *other = GW_CONTAINER(it, struct sip_session, link);

        if (other != s && other->state != SIP_SESSION_LEAVING)
            is_best = is_best && is_preferred(s, other);
    }
    if (!is_best) {
        s->is_retired = true;
        return;
    }
    gw_list_remove(&s->link);
    gw_list_prepend(&s->talk->sessions, &s->link);
    GW_LIST_EACH(&s->talk->sessions, it, tmp)
    {
        struct sip_session *other = GW_CONTAINER(it, struct sip_session, link);

        if (other != s)
            sip_session_retire(other);
    }
}

static bool is_full(const struct sip_core *core, const struct sip_talk *talk,
                    const struct sip_peer *from)
{
    return core->session_count >= (size_t)core->settings->sessions_max ||
           sip_source_count(core, from->host, SIP_SOURCE_SESSIONS) >=
               (size_t)core->settings->sessions_per_peer ||
           sip_source_is_doubtful(core, from) ||
           (talk && gw_list_len(&talk->sessions) >= SIP_TALK_SESSIONS_MAX);
}

static void over(struct sip_grant *g)
{
    sip_session_shut(GW_CONTAINER(g, struct sip_session, grant));
}

static void drop_unproven(struct sip_unproven *u)
{
    struct sip_session *s = GW_CONTAINER(u, struct sip_session, unproven);

    if (!s->source->is_proven)
        sip_session_lost(s);
}

static unsigned begin(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                      struct gw_str remote, struct gw_str local)
{
    struct sip_sdp offer = { .count = 0 };
    struct sip_account *account = NULL; /* of who has logged in */
    struct sip_dialog dialog;
    struct sip_session *s;
    unsigned status;

    if (!remote.len || !sip_believes(core, remote, from))
        return 403;
    if (!local.len || !pres_user_is_known(core->pres, pres_inner(core->pres, local, remote)))
        return 404;
    if (is_for_many(m)) {
        gw_info("sip", "group chat refused peer=%.*s user='%.*s'", GW_STR_ARG(from->host),
                GW_STR_ARG(local));
        return 488;
    }
    status = offer_read(m, &offer);
    if (status)
        return status;
    if (is_full(core, sip_talk_find(core, local, remote), from)) {
        core->counters.refused_limit++;
        return 503;
    }
    if (!sip_dialog_accept(core, &dialog, m, from))
        return 400;
    if (core->login.len && !(account = sip_account_take(core, remote))) {
        sip_dialog_done(&dialog);
        return 503;
    }
    s = sip_session_new(sip_talk_take(core, local, remote), SIP_SESSION_CALLED);
    s->dialog = dialog;
    s->source = sip_source_take(core, from->host, SIP_SOURCE_SESSIONS);
    s->source->is_proven |= from->proto != SIP_UDP;
    if (account)
        sip_grant_set(&s->grant, account, over);
    gw_map_set(core->session_tags, gw_str_of(s->dialog.tag), s);
    accept(s, m, from, &offer);
    take_over(s);
    if (!s->source->is_proven)
        sip_unproven_add(core, &s->unproven, drop_unproven);
    return 0;
}

/* Nothing changes by a re-INVITE but where the peer is reached (RFC 3261 14.2). */
static void again(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_session *s = find(core, m, from);
    struct sip_sdp offer = { .count = 0 };
    unsigned status;

    if (!s)
        return;
    if (s->state == SIP_SESSION_CALLED) { /* the one before is not through */
        sip_answer_begin(core, m, from, 500, GW_STR(""));
        gw_buf_addf(&core->out, "Retry-After: %d\r\n", AGAIN_S);
        sip_answer_send(core, m, from);
        return;
    }
    status = s->state == SIP_SESSION_LEAVING || s->is_over ? 481 : offer_read(m, &offer);
    if (!status && !sip_dialog_refresh(core, &s->dialog, m, from))
        status = 400;
    if (status)
        refuse(core, m, from, status);
    else
        accept(s, m, from, &offer);
}

void sip_session_invite(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    struct gw_buf remote, local;
    unsigned status;

    if (!core->settings->messages) {
        sip_refuse_method(core, m, from);
        return;
    }
    if (m->to.tag.len) {
        again(core, m, from);
        return;
    }
    gw_buf_init(&remote, SIP_URI_MAX);
    gw_buf_init(&local, SIP_URI_MAX);
    status = begin(core, m, from, sip_address_of(&m->from.uri, &remote),
                   sip_address_of(&m->target, &local));
    if (status)
        refuse(core, m, from, status);
    gw_buf_done(&remote);
    gw_buf_done(&local);
}

/* Somebody else is to be spoken to, or with: RFC 3515. */
void sip_session_refer(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    gw_info("sip", "group chat or transfer refused peer=%.*s", GW_STR_ARG(from->host));
    sip_answer(core, m, from, 603);
}
