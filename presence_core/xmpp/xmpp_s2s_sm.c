/* Stream management between servers, XEP-0198. A stream has one direction, so that each end does half of it.
 *
 * Who opened it keeps what it has sent, in the link, until the other side has acknowledged it. When the
 * connection breaks the next one resumes the session: what had arrived is known then, and only the rest is
 * sent again. Where the other side cannot, or does not know the session any more, all that was not
 * acknowledged is sent again: it may come twice, but it is not lost. When there is no way in time, it
 * bounces.
 *
 *   proved --<enable/>--> S2S_SM --<enabled/>, <failed/>--> OPEN
 *   proved --<resume/>--> S2S_SM --<resumed/>--> OPEN, or --<failed/>, <enable/>--> S2S_SM
 *
 * To whom it was opened counts what it has handled, in a tally, which outlives the connection. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_fed_priv.h"

enum {
    RESUME_S = 300,                /* a session without a connection: on either side */
    ASK_AFTER = 8,                 /* presences: then they are asked about before it is time */
    ANSWER_MS = 60 * 1000,         /* a server that does not answer for so long is gone */
    THEIR_ID_MAX = 255,            /* of a session */
    TALLIES_ASLEEP_MAX = 10 * 1000 /* beyond it the oldest is forgotten: then all is sent again */
};

/* What a stream that came in has handled. */
struct xmpp_tally {
    struct gw_list link; /* of those that sleep */
    struct xmpp_s2s *s;  /* NULL: it sleeps */
    char id[33];         /* "": it is not to be resumed */
    char *from, *to;     /* who may resume it */
    uint32_t handled;
    gw_time until; /* of its sleep */
};

/* ---- Opened by us ---- */

/* What was sent goes before what waits. */
static void rewind_sent(struct xmpp_link *l)
{
    while (!gw_list_is_empty(&l->sent)) {
        struct gw_list *last = l->sent.prev;

        gw_list_remove(last);
        gw_list_prepend(&l->letters, last);
    }
    l->letter_count += l->sent_count;
    l->sent_count = 0;
}

void xmpp_link_end_session(struct xmpp_link *l)
{
    rewind_sent(l);
    l->acked = 0;
    free(l->session);
    l->session = NULL;
}

static void enable(struct xmpp_s2s *s)
{
    struct xml_writer w;

    xmpp_s2s_begin(s, &w);
    xmpp_open_ns(&w, "enable", NS_SM);
    xml_put_attr(&w, "resume", GW_STR("true"));
    xml_close(&w);
    xmpp_s2s_end(s);
}

static void resume(struct xmpp_s2s *s, const char *session)
{
    struct xml_writer w;

    xmpp_s2s_begin(s, &w);
    xmpp_open_ns(&w, "resume", NS_SM);
    xml_put_attr(&w, "h", GW_STR("0")); /* nothing comes to us on this stream */
    xml_put_attr(&w, "previd", gw_str_of(session));
    xml_close(&w);
    xmpp_s2s_end(s);
}

void xmpp_sm_begin(struct xmpp_s2s *s)
{
    struct xmpp_link *l = s->for_link;

    if (!l)
        return;
    if (!s->offers_sm) {
        xmpp_link_end_session(l);
        xmpp_link_open(l);
        return;
    }
    if (l->session)
        resume(s, l->session);
    else
        enable(s);
    s->ready_by = gw_time_after(s->fed->now.mono, s->fed->settings->timeout_s * GW_SECOND_MS);
    xmpp_s2s_enter(s, S2S_SM);
}

static void go_on(struct xmpp_s2s *s, bool has_sm)
{
    s->has_sm = has_sm;
    xmpp_s2s_enter(s, S2S_OPEN);
    xmpp_link_open(s->for_link);
}

/* False: it cannot be; the stream is closed. */
static bool acknowledge(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xmpp_link *l = s->for_link;
    struct xmpp_stream_fault fault;
    uint32_t more;

    if (!xmpp_sm_count(node, l->acked, l->sent_count, &more, &fault)) {
        xmpp_s2s_error(s, GW_BADMSG, fault.condition, fault.text);
        return false;
    }
    if (more)
        l->failures = 0;
    l->acked += more;
    for (l->sent_count -= more; more; more--)
        xmpp_letter_free(l, GW_CONTAINER(gw_list_pop(&l->sent), struct xmpp_letter, link));
    return true;
}

static void on_enabled(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct gw_str id = xml_attr(node, "id");
    struct xmpp_link *l = s->for_link;
    int64_t max_s;

    if (l->session) {
        xmpp_s2s_error(s, GW_BADMSG, "bad-format", "a session was to go on, not to begin");
        return;
    }
    if (xmpp_sm_wants_resumption(node) && id.len && id.len <= THEIR_ID_MAX) {
        if (!gw_str_to_int(xml_attr(node, "max"), 1, RESUME_S, &max_s))
            max_s = RESUME_S;
        l->session = gw_str_dup(id);
        l->session_ms = max_s * GW_SECOND_MS;
    }
    go_on(s, true);
}

static void on_resumed(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xmpp_link *l = s->for_link;
    char remote[GW_QUOTE_MAX];

    if (!l->session || !gw_str_is(xml_attr(node, "previd"), l->session)) {
        xmpp_s2s_error(s, GW_BADMSG, "bad-format", "another session was asked for");
        return;
    }
    if (!acknowledge(s, node))
        return;
    gw_info("federation", "s=%s resumed domain=%s unacknowledged=%zu", s->log_id,
            gw_quote(l->remote, remote), l->sent_count);
    rewind_sent(l);
    go_on(s, true);
}

static void on_failed(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xmpp_link *l = s->for_link;
    char remote[GW_QUOTE_MAX];

    if (!l->session) {
        go_on(s, false);
        return;
    }
    if (xml_attr(node, "h").p && !acknowledge(s, node))
        return;
    gw_info("federation", "s=%s not resumed domain=%s sent_again=%zu", s->log_id,
            gw_quote(l->remote, remote), l->sent_count);
    xmpp_link_end_session(l);
    enable(s);
}

static void on_answer(struct xmpp_s2s *s, const struct xml_node *node)
{
    if (!acknowledge(s, node))
        return;
    s->asked_at = 0;
    xmpp_link_open(s->for_link);
}

static void on_asked(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xml_writer w;

    (void)node;
    xmpp_s2s_begin(s, &w);
    xmpp_put_sm_answer(&w, 0);
    xmpp_s2s_end(s);
}

static const struct {
    const char *name;
    enum xmpp_s2s_state state;
    void (*handle)(struct xmpp_s2s *s, const struct xml_node *node);
} answers[] = {
    { "enabled", S2S_SM, on_enabled }, { "resumed", S2S_SM, on_resumed },
    { "failed", S2S_SM, on_failed },   { "a", S2S_OPEN, on_answer },
    { "r", S2S_OPEN, on_asked },
};

void xmpp_sm_out(struct xmpp_s2s *s, const struct xml_node *node)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]) && s->for_link; i++) {
        if (gw_str_is(node->name, answers[i].name) && s->state == answers[i].state) {
            answers[i].handle(s, node);
            return;
        }
    }
    xmpp_s2s_error(s, GW_BADMSG, "unsupported-stanza-type", "an answer to nothing");
}

void xmpp_link_sent(struct xmpp_link *l, struct xmpp_letter *letter)
{
    xmpp_letter_take(l, letter);
    if (!l->out->has_sm) {
        xmpp_letter_free(l, letter);
        return;
    }
    gw_list_append(&l->sent, &letter->link);
    l->sent_count++;
}

static void ask(struct xmpp_link *l)
{
    l->out->asked_at = l->fed->now.mono;
    (void)xmpp_s2s_write(l->out, GW_STR("<r xmlns=\"" NS_SM "\"/>"));
}

static bool may_ask(const struct xmpp_link *l)
{
    const struct xmpp_s2s *s = l->out;

    return s && s->state == S2S_OPEN && s->has_sm && !s->is_lost && !s->asked_at && l->sent_count;
}

void xmpp_link_ask(struct xmpp_link *l)
{
    if (may_ask(l) && (l->sent_count >= ASK_AFTER ||
                       !GW_CONTAINER(l->sent.prev, struct xmpp_letter, link)->is_presence))
        ask(l);
}

void xmpp_link_watch(struct xmpp_link *l)
{
    struct xmpp_s2s *s = l->out;

    if (may_ask(l)) {
        ask(l);
    } else if (s && s->asked_at && !s->is_lost && l->fed->now.mono - s->asked_at >= ANSWER_MS) {
        (void)gw_fail(&s->error, GW_TIMEOUT, "the server does not answer any more");
        s->is_lost = true;
        s->io->wake(s->io_ctx);
    }
}

void xmpp_sm_closed(struct xmpp_link *l, const struct xmpp_s2s *s)
{
    if (s->has_sm && s->is_lost && l->session)
        l->session_until = gw_time_after(l->fed->now.mono, l->session_ms);
    else if (s->has_sm || !l->session || l->fed->now.mono >= l->session_until)
        xmpp_link_end_session(l); /* XEP-0198 5: who ended his stream ended that, too */
}

/* ---- Opened to us ---- */

static void tally_free(struct xmpp_fed *fed, struct xmpp_tally *t)
{
    if (!t->s) {
        gw_list_remove(&t->link);
        fed->tallies_asleep--;
    }
    if (t->id[0])
        gw_map_remove(fed->tallies, gw_str_of(t->id));
    free(t->from);
    free(t->to);
    free(t);
}

static void send_failed(struct xmpp_s2s *s, const char *condition)
{
    struct xml_writer w;

    xmpp_s2s_begin(s, &w);
    xmpp_put_sm_failed(&w, condition);
    xmpp_s2s_end(s);
}

void xmpp_on_s2s_enable(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xml_writer w;
    struct xmpp_tally *t;

    if (!s->how || s->tally) {
        send_failed(s, "unexpected-request");
        return;
    }
    s->tally = t = gw_new(struct xmpp_tally);
    t->s = s;
    gw_list_init(&t->link);
    if (xmpp_sm_wants_resumption(node) && s->remote && s->local &&
        xmpp_s2s_in_may_speak(s, gw_str_of(s->remote), gw_str_of(s->local))) {
        gw_random_hex(t->id, 16);
        t->from = gw_str_dup(gw_str_of(s->remote));
        t->to = gw_str_dup(gw_str_of(s->local));
        gw_map_set(s->fed->tallies, gw_str_of(t->id), t);
    }
    xmpp_s2s_begin(s, &w);
    xmpp_put_sm_enabled(&w, t->id, RESUME_S);
    xmpp_s2s_end(s);
}

static void take_from(struct xmpp_s2s *old)
{
    old->tally = NULL;
    xmpp_s2s_error(old, GW_CANCELLED, "conflict", "the session goes on in another connection");
    if (old->io)
        old->io->wake(old->io_ctx);
}

void xmpp_on_s2s_resume(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xmpp_tally *t = gw_map_get(s->fed->tallies, xml_attr(node, "previd"));
    struct xml_writer w;

    if (!s->how || s->tally) {
        send_failed(s, "unexpected-request");
        return;
    }
    if (!t || !xmpp_s2s_in_may_speak(s, gw_str_of(t->from), gw_str_of(t->to))) {
        send_failed(s, "item-not-found");
        return;
    }
    if (t->s) {
        take_from(t->s);
    } else {
        gw_list_remove(&t->link);
        s->fed->tallies_asleep--;
    }
    t->s = s;
    s->tally = t;
    xmpp_s2s_begin(s, &w);
    xmpp_put_sm_resumed(&w, t->id, t->handled);
    xmpp_s2s_end(s);
}

void xmpp_on_s2s_asked(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xml_writer w;

    (void)node;
    if (!s->tally)
        return;
    xmpp_s2s_begin(s, &w);
    xmpp_put_sm_answer(&w, s->tally->handled);
    xmpp_s2s_end(s);
}

void xmpp_sm_count_in(struct xmpp_s2s *s)
{
    if (s->tally)
        s->tally->handled++;
}

void xmpp_tally_leave(struct xmpp_s2s *s)
{
    struct xmpp_fed *fed = s->fed;
    struct xmpp_tally *t = s->tally;

    if (!t)
        return;
    s->tally = NULL;
    if (!s->is_lost || !t->id[0] || fed->is_stopped) {
        tally_free(fed, t);
        return;
    }
    t->s = NULL;
    t->until = gw_time_after(fed->now.mono, RESUME_S * GW_SECOND_MS);
    gw_list_append(&fed->asleep, &t->link);
    if (++fed->tallies_asleep > TALLIES_ASLEEP_MAX)
        tally_free(fed, GW_CONTAINER(fed->asleep.next, struct xmpp_tally, link));
}

void xmpp_tallies_forget(struct xmpp_fed *fed, gw_time until)
{
    while (!gw_list_is_empty(&fed->asleep)) {
        struct xmpp_tally *t = GW_CONTAINER(fed->asleep.next, struct xmpp_tally, link);

        if (t->until > until)
            return;
        tally_free(fed, t);
    }
}
