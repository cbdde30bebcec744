/* Stream management, XEP-0198. What a client has not acknowledged is kept, bounded, until it does. A
 * session whose connection breaks sleeps, with its presence as it was, until the client resumes it on
 * another connection or the time for that is over; then what was not acknowledged goes where it
 * would have gone if the client had not been there - unless another client of the user had it, too, and
 * has acknowledged it, or still may.
 *
 *   connected --lost--> asleep --<resume/>--> connected     asleep --time, replaced, full--> ended
 *
 * Of presence only the name is kept: when it has to be sent again, the newest is. The counter of what
 * was sent therefore goes back to what the client has, and all that follows counts anew. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_list.h"
#include "gw_log.h"
#include "xmpp_priv.h"

enum {
    UNACKED_MAX = XMPP_HELD_MAX, /* stanzas; in bytes: as much as may wait for a connection */
    ASK_AFTER = 8                /* presences: then they are asked about */
};

struct xmpp_shared {
    size_t refs, originals; /* those that are not acknowledged, beside copies */
    bool is_taken;
};

/* A stanza that was sent, or the presence of "user/resource". */
struct kept {
    struct gw_list link;
    gw_utc at;
    struct xmpp_shared *shared; /* NULL: the client alone has it */
    bool is_presence, is_copy;
    size_t user_len, len;
    char bytes[];
};

struct xmpp_sm {
    struct xmpp_c2s *c;
    char id[33];            /* names the session; empty: it is not to be resumed */
    uint32_t in;            /* stanzas of the client that were handled */
    uint32_t out, acked;    /* sent, and of those acknowledged */
    struct gw_list unacked; /* out - acked of them, in order */
    size_t bytes;
    bool is_asked;     /* an answer to <r/> is to come */
    bool is_full;      /* cannot keep up its promise any more */
    struct gw_due due; /* end of its sleep, in the host's heap */
};

static struct gw_str kept_str(const struct kept *k)
{
    return (struct gw_str){ k->bytes, k->len };
}

static size_t unacked_count(const struct xmpp_sm *sm)
{
    return (uint32_t)(sm->out - sm->acked);
}

size_t xmpp_sm_unacked(const struct xmpp_c2s *c)
{
    return c->sm ? c->sm->bytes : 0;
}

static void kept_free(struct kept *k)
{
    xmpp_shared_unref(&k->shared);
    free(k);
}

static void forget_first(struct xmpp_sm *sm)
{
    struct kept *k = GW_CONTAINER(gw_list_pop(&sm->unacked), struct kept, link);

    sm->bytes -= k->len;
    sm->acked++;
    if (k->shared)
        k->shared->is_taken = true;
    kept_free(k);
}

static void sm_free(struct xmpp_sm *sm)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&sm->unacked)))
        kept_free(GW_CONTAINER(link, struct kept, link));
    gw_heap_remove(&sm->c->host->asleep, &sm->due);
    if (sm->id[0])
        gw_map_remove(sm->c->host->resumable, gw_str_of(sm->id));
    sm->c->sm = NULL;
    free(sm);
}

/* ---- What several clients have ---- */

struct xmpp_shared *xmpp_shared_new(void)
{
    struct xmpp_shared *s = gw_new(struct xmpp_shared);

    s->refs = 1;
    return s;
}

void xmpp_shared_unref(struct xmpp_shared **sp)
{
    struct xmpp_shared *s = *sp;

    *sp = NULL;
    if (s && --s->refs == 0)
        free(s);
}

void xmpp_share_begin(struct xmpp_host *host, struct xmpp_shared *shared, bool is_copy)
{
    host->sharing = shared;
    host->is_copying = is_copy;
}

void xmpp_share_end(struct xmpp_c2s *c)
{
    if (c->host->sharing && !c->sm && xmpp_is_reachable(c))
        c->host->sharing->is_taken = true; /* nothing more is heard of it */
    c->host->sharing = NULL;
}

static void take_part(struct kept *k, const struct xmpp_host *host)
{
    k->shared = host->sharing;
    if (!k->shared)
        return;
    k->is_copy = host->is_copying;
    k->shared->refs++;
    k->shared->originals += k->is_copy ? 0 : 1;
}

/* The client will not acknowledge it any more. False: others have it, or may have. */
static bool is_for_others(struct kept *k)
{
    if (k->is_presence || k->is_copy)
        return false;
    return !k->shared || (--k->shared->originals == 0 && !k->shared->is_taken);
}

/* ---- Sending ---- */

/* Is cut off, or ends its sleep, at the next tick: this may be in the middle of another's call. */
static void give_up(struct xmpp_sm *sm)
{
    struct xmpp_c2s *c = sm->c;

    if (sm->is_full)
        return;
    sm->is_full = true;
    gw_info("xmpp", "s=%s cut-off peer=%s reason=\"%zu stanzas are not acknowledged\"", c->id,
            c->peer, unacked_count(sm));
    if (!c->is_asleep)
        c->host->counters.cut_slow++;
    c->is_lost = true;
    c->io->wake(c->io_ctx);
}

static struct kept *keep(struct xmpp_sm *sm, size_t len)
{
    size_t max = (size_t)sm->c->host->settings->out_queue_kb * 1024;
    struct kept *k;

    if (sm->is_full)
        return NULL;
    k = gw_alloc(sizeof(*k) + len);
    k->at = sm->c->host->now.utc;
    k->len = len;
    take_part(k, sm->c->host);
    gw_list_append(&sm->unacked, &k->link);
    sm->bytes += len;
    sm->out++;
    if (unacked_count(sm) > UNACKED_MAX || sm->bytes > max)
        give_up(sm); /* with this one: it comes back, too */
    return k;
}

void xmpp_sm_sent(struct xmpp_c2s *c, struct gw_str stanza)
{
    struct kept *k = c->sm ? keep(c->sm, stanza.len) : NULL;

    if (k)
        memcpy(k->bytes, stanza.p, stanza.len);
}

void xmpp_sm_sent_presence(struct xmpp_c2s *c, struct gw_str user, struct gw_str resource)
{
    struct kept *k = c->sm ? keep(c->sm, user.len + 1 + resource.len) : NULL;

    if (!k)
        return;
    k->is_presence = true;
    k->user_len = user.len;
    memcpy(k->bytes, user.p, user.len);
    k->bytes[user.len] = '/';
    if (resource.len)
        memcpy(k->bytes + user.len + 1, resource.p, resource.len);
}

void xmpp_sm_ask(struct xmpp_c2s *c)
{
    struct xmpp_sm *sm = c->sm;
    const struct kept *last;

    if (!sm || sm->is_asked || c->is_lost || c->is_asleep || gw_list_is_empty(&sm->unacked))
        return;
    last = GW_CONTAINER(sm->unacked.prev, struct kept, link);
    if (last->is_presence && unacked_count(sm) < ASK_AFTER)
        return;
    sm->is_asked = true;
    xmpp_write(c, GW_STR("<r xmlns=\"" NS_SM "\"/>"));
}

/* ---- What the client says ---- */

static void send_failed(struct xmpp_c2s *c, const char *condition)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xmpp_put_sm_failed(&w, condition);
    xmpp_end_element(c);
}

void xmpp_on_sm_enable(struct xmpp_c2s *c, const struct xml_node *node)
{
    int64_t max = c->host->settings->resume_s;
    struct xml_writer w;

    if (c->sm || c->state != XMPP_SESSION) {
        send_failed(c, "unexpected-request");
        return;
    }
    c->sm = gw_new(struct xmpp_sm);
    c->sm->c = c;
    gw_list_init(&c->sm->unacked);
    if (xmpp_sm_wants_resumption(node) && max != GW_PARAM_WORD) {
        gw_random_hex(c->sm->id, 16);
        gw_map_set(c->host->resumable, gw_str_of(c->sm->id), c->sm);
    }
    xmpp_begin(c, &w);
    xmpp_put_sm_enabled(&w, c->sm->id, max);
    xmpp_end_element(c);
}

void xmpp_on_sm_request(struct xmpp_c2s *c, const struct xml_node *node)
{
    struct xml_writer w;

    (void)node;
    if (!c->sm)
        return;
    xmpp_begin(c, &w);
    xmpp_put_sm_answer(&w, c->sm->in);
    xmpp_end_element(c);
}

/* False: no number, or of more than was sent; the stream is closed. */
static bool acknowledge(struct xmpp_c2s *c, struct xmpp_sm *sm, const struct xml_node *node)
{
    struct xmpp_stream_fault fault;
    uint32_t more;

    if (!xmpp_sm_count(node, sm->acked, unacked_count(sm), &more, &fault)) {
        xmpp_stream_error(c, fault.condition, fault.text);
        return false;
    }
    for (; more; more--)
        forget_first(sm);
    return true;
}

void xmpp_on_sm_answer(struct xmpp_c2s *c, const struct xml_node *node)
{
    if (!c->sm || !acknowledge(c, c->sm, node))
        return;
    c->sm->is_asked = false;
    xmpp_sm_ask(c);
    xmpp_offline_go_on(c);
}

void xmpp_sm_forbid(struct xmpp_c2s *c)
{
    if (c->sm)
        c->sm->is_full = true;
}

void xmpp_sm_handled(struct xmpp_c2s *c)
{
    if (c->sm)
        c->sm->in++;
}

/* ---- Sleep ---- */

static bool asleep_write(struct gw_str bytes, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return true;
}

static size_t asleep_queued(void *ctx)
{
    (void)ctx;
    return XMPP_HOLD_AT; /* presence waits */
}

static void asleep_wake(void *ctx)
{
    struct xmpp_c2s *c = ctx;

    gw_heap_set(&c->host->asleep, &c->sm->due, 0);
    if (c->host->wake)
        c->host->wake(c->host->wake_ctx);
}

static const struct xmpp_io asleep = { .write = asleep_write,
                                       .queued = asleep_queued,
                                       .wake = asleep_wake };

bool xmpp_sm_is_resumable(const struct xmpp_c2s *c)
{
    return c->session && c->sm && c->sm->id[0] && !c->sm->is_full && !c->host->is_stopping &&
           c->host->settings->resume_s != GW_PARAM_WORD;
}

void xmpp_sm_sleep(struct xmpp_c2s *c)
{
    char quoted[GW_QUOTE_MAX];

    gw_info("xmpp", "s=%s asleep jid=%s unacknowledged=%zu", c->id,
            gw_quote(gw_str_of(c->full), quoted), unacked_count(c->sm));
    c->is_asleep = true;
    c->is_lost = false;
    c->io = &asleep;
    c->io_ctx = c;
    gw_heap_set(&c->host->asleep, &c->sm->due,
                gw_time_after(c->now.mono, c->host->settings->resume_s * GW_SECOND_MS));
    if (c->host->wake)
        c->host->wake(c->host->wake_ctx);
}

gw_time xmpp_host_deadline(const struct xmpp_host *host)
{
    const struct gw_due *first = gw_heap_first(&host->asleep);

    if (xmpp_activity_is_due(host->activity))
        return 0;
    return first ? first->at : GW_NEVER;
}

static void end_sleep(struct xmpp_c2s *c, struct gw_now now)
{
    xmpp_enter(c, XMPP_CLOSED);
    xmpp_c2s_free(&c, now);
}

void xmpp_host_tick(struct xmpp_host *host, struct gw_now now)
{
    struct gw_due *due;

    host->now = now;
    for (int i = 0; i < XMPP_TURN_MAX && (due = gw_heap_pop_due(&host->asleep, now.mono)); i++)
        end_sleep(GW_CONTAINER(due, struct xmpp_sm, due)->c, now);
    xmpp_activity_tick(host->activity);
}

void xmpp_host_stop(struct xmpp_host *host, struct gw_now now)
{
    struct gw_due *due;

    host->is_stopping = true;
    while ((due = gw_heap_first(&host->asleep)))
        end_sleep(GW_CONTAINER(due, struct xmpp_sm, due)->c, now);
}

bool xmpp_sm_end_oldest(struct xmpp_host *host, struct gw_str user, struct gw_now now)
{
    struct xmpp_c2s *oldest = NULL;

    for (struct pres_session *s = NULL; (s = pres_session_next(host->core, user, s));) {
        struct xmpp_c2s *c = pres_session_ctx_of(s, host->front);

        if (c && c->is_asleep && (!oldest || c->sm->due.at < oldest->sm->due.at))
            oldest = c;
    }
    if (oldest)
        end_sleep(oldest, now);
    return oldest != NULL;
}

/* ---- Resuming ---- */

/* The session goes from one connection to another. */
static void take_over(struct xmpp_c2s *c, struct xmpp_c2s *old)
{
    c->session = old->session;
    pres_session_set_ctx(c->session, c);
    c->full = old->full;
    gw_buf_done(&c->to);
    c->to = old->to;
    c->held = old->held;
    c->pushes = old->pushes;
    c->wants_blocks = old->wants_blocks;
    c->wants_carbons = old->wants_carbons;
    c->wants_versions = old->wants_versions;
    c->wants = old->wants;
    c->caps = old->caps;
    c->is_asked_caps = old->is_asked_caps;
    old->wants = NULL;
    c->is_ready = old->is_ready;
    c->has_more = old->has_more;
    c->sm = old->sm;
    c->sm->c = c;
    c->sm->is_asked = false;
    old->session = NULL;
    old->full = NULL;
    old->held = NULL;
    old->sm = NULL;
    gw_buf_init(&old->to, 1);
    gw_heap_remove(&c->host->asleep, &c->sm->due);
}

/* All that is not acknowledged counts from here. What the client has not seen of presence joins what
 * waited in its sleep. */
static void send_again(struct xmpp_c2s *c)
{
    struct xmpp_sm *sm = c->sm;
    struct gw_list old;
    struct gw_list *link;

    gw_list_init(&old);
    while ((link = gw_list_pop(&sm->unacked)))
        gw_list_append(&old, link);
    sm->out = sm->acked;
    sm->bytes = 0;
    while ((link = gw_list_pop(&old))) {
        struct kept *k = GW_CONTAINER(link, struct kept, link);
        struct gw_str bytes = kept_str(k);

        if (k->is_presence) {
            xmpp_hold(c, gw_str_sub(bytes, 0, k->user_len),
                      gw_str_sub(bytes, k->user_len + 1, bytes.len));
            kept_free(k);
            continue;
        }
        gw_list_append(&sm->unacked, &k->link);
        sm->bytes += k->len;
        sm->out++;
        xmpp_write(c, bytes);
    }
    xmpp_release_held(c);
    xmpp_sm_ask(c);
}

void xmpp_on_sm_resume(struct xmpp_c2s *c, const struct xml_node *node)
{
    struct xmpp_sm *sm = gw_map_get(c->host->resumable, xml_attr(node, "previd"));
    struct xmpp_c2s *old = sm ? sm->c : NULL;
    char quoted[GW_QUOTE_MAX];
    struct xml_writer w;

    if (c->state == XMPP_SESSION) { /* it has one */
        send_failed(c, "unexpected-request");
        return;
    }
    if (!old || !old->session || old->state != XMPP_SESSION || sm->is_full ||
        !gw_str_is(gw_str_of(old->user), c->user)) {
        send_failed(c, "item-not-found");
        return;
    }
    if (!acknowledge(c, sm, node))
        return;
    take_over(c, old);
    if (old->is_asleep) {
        end_sleep(old, c->now);
    } else {
        xmpp_stream_error(old, "conflict", "the session goes on in another connection");
        old->io->wake(old->io_ctx);
    }
    gw_info("xmpp", "s=%s resumed jid=%s unacknowledged=%zu", c->id,
            gw_quote(gw_str_of(c->full), quoted), unacked_count(c->sm));
    c->host->counters.sessions++;
    xmpp_enter(c, XMPP_SESSION);
    xmpp_begin(c, &w);
    xmpp_put_sm_resumed(&w, c->sm->id, c->sm->in);
    xmpp_end_element(c);
    send_again(c);
    xmpp_offline_go_on(c);
}

/* ---- The end ---- */

/* A stanza that did not arrive, on its way again: the client is not there any more. */
static void send_elsewhere(struct xmpp_host *host, const struct xml_node *node, gw_utc at)
{
    struct xmpp_stanza s = { .node = node,
                             .type = xml_attr(node, "type"),
                             .id = xml_attr(node, "id"),
                             .has_to = true,
                             .at = at };
    struct xmpp_sender by;

    if (xmpp_jid_parse(xml_attr(node, "to"), &s.to, NULL) ||
        !xmpp_sender_find(host, xml_attr(node, "from"), &by))
        return;
    if (xml_is(node, NS_CLIENT, "message")) {
        if (!xml_child(node, NS_CARBONS, "sent") && !xml_child(node, NS_CARBONS, "received"))
            xmpp_message_to_user(&by, &s, s.to.bare, s.to.resource);
    } else if (xml_is(node, NS_CLIENT, "iq")) {
        xmpp_refuse(&by, &s, XMPP_SERVICE_UNAVAILABLE);
    }
}

void xmpp_sm_end(struct xmpp_c2s *c)
{
    struct xmpp_host *host = c->host;
    struct gw_list unacked;
    struct gw_list *link;

    if (!c->sm)
        return;
    gw_list_init(&unacked);
    while ((link = gw_list_pop(&c->sm->unacked)))
        gw_list_append(&unacked, link);
    sm_free(c->sm);
    while ((link = gw_list_pop(&unacked))) {
        struct kept *k = GW_CONTAINER(link, struct kept, link);

        if (is_for_others(k))
            xmpp_read_kept(host, kept_str(k), k->at, send_elsewhere);
        kept_free(k);
    }
}
