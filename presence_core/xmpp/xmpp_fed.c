/* Links to other domains: what waits for each, when it is tried, and who is told when it cannot be
 * sent. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_dialback.h"
#include "xmpp_fed_priv.h"

enum { FAILED_KEPT_MS = 10 * 60 * 1000 };

struct xmpp_fed *xmpp_fed_new(const struct xmpp_fed_args *args)
{
    struct xmpp_fed *fed = gw_new(struct xmpp_fed);

    fed->host = args->host;
    fed->host->fed = fed;
    gw_param_defaults(xmpp_fed_params, xmpp_fed_param_count, &fed->defaults);
    fed->settings = args->settings ? args->settings : &fed->defaults;
    fed->policy = xmpp_policy_new();
    fed->secret = gw_str_dup(args->secret);
    fed->dial = args->dial;
    fed->clock = args->now;
    fed->dial_ctx = args->ctx;
    fed->links = gw_map_new();
    fed->causes = gw_map_new();
    fed->tallies = gw_map_new();
    gw_list_init(&fed->streams);
    gw_list_init(&fed->asleep);
    gw_buf_init(&fed->out, XMPP_OUT_MAX);
    gw_buf_init(&fed->stanza, XMPP_OUT_MAX);
    gw_buf_init(&fed->from, XMPP_JID_TEXT_MAX);
    return fed;
}

void xmpp_letter_free(struct xmpp_link *l, struct xmpp_letter *letter)
{
    l->letter_bytes -= letter->len;
    xmpp_bounce_free(letter->bounce);
    free(letter);
}

static void verify_free(struct xmpp_verify *v)
{
    gw_list_remove(&v->link);
    free(v->id);
    free(v->key);
    free(v);
}

static void cause_leave(struct xmpp_link *l)
{
    if (l->cause)
        l->fed->dials--;
    xmpp_origin_leave(l->fed->causes, &l->cause);
}

void xmpp_letter_take(struct xmpp_link *l, struct xmpp_letter *letter)
{
    gw_list_remove(&letter->link);
    l->letter_count--;
    if (letter->state.p && gw_map_get(l->states, letter->state) == letter)
        gw_map_remove(l->states, letter->state);
}

static struct xmpp_letter *letter_pop(struct xmpp_link *l)
{
    struct xmpp_letter *letter;

    if (!l->letter_count)
        return NULL;
    letter = GW_CONTAINER(l->letters.next, struct xmpp_letter, link);
    xmpp_letter_take(l, letter);
    return letter;
}

static void link_free(struct xmpp_link *l)
{
    struct xmpp_letter *letter;

    cause_leave(l);
    gw_map_remove(l->fed->links, gw_str_of(l->key));
    xmpp_link_end_session(l);
    while ((letter = letter_pop(l)))
        xmpp_letter_free(l, letter);
    while (!gw_list_is_empty(&l->verifies))
        verify_free(GW_CONTAINER(l->verifies.next, struct xmpp_verify, link));
    gw_map_free(&l->states);
    free(l->key);
    free(l);
}

void xmpp_fed_free(struct xmpp_fed **fedp)
{
    struct xmpp_fed *fed = *fedp;
    struct xmpp_link *l;
    size_t pos = 0;

    if (!fed)
        return;
    *fedp = NULL;
    assert(gw_list_is_empty(&fed->streams));
    while ((l = gw_map_next(fed->links, &pos)))
        link_free(l);
    xmpp_tallies_forget(fed, GW_NEVER);
    gw_map_free(&fed->links);
    gw_map_free(&fed->tallies);
    gw_map_free(&fed->causes);
    fed->host->fed = NULL;
    xmpp_policy_free(&fed->policy);
    xmpp_policy_free(&fed->known.exceptions);
    gw_secret_free(&fed->secret);
    gw_param_settings_done(xmpp_fed_params, xmpp_fed_param_count, &fed->defaults);
    gw_buf_done(&fed->out);
    gw_buf_done(&fed->stanza);
    gw_buf_done(&fed->from);
    free(fed);
}

void xmpp_fed_stop(struct xmpp_fed *fed)
{
    fed->is_stopped = true;
}

void xmpp_fed_set_secret(struct xmpp_fed *fed, struct gw_str secret)
{
    gw_secret_free(&fed->secret);
    fed->secret = gw_str_dup(secret);
}

/* A dialback key of no domains, cut short: it tells less than the keys that go over the wire. */
void xmpp_fed_secret_mark(const struct xmpp_fed *fed, char out[XMPP_SECRET_MARK_MAX])
{
    char key[XMPP_DIALBACK_KEY_MAX];

    xmpp_dialback_key(gw_str_of(fed->secret), GW_STR(""), GW_STR(""), GW_STR(""), key);
    memcpy(out, key, XMPP_SECRET_MARK_MAX - 1);
    out[XMPP_SECRET_MARK_MAX - 1] = '\0';
}

struct gw_str xmpp_fed_secret(const struct xmpp_fed *fed)
{
    return gw_str_of(fed->secret);
}

struct xmpp_policy *xmpp_fed_policy(struct xmpp_fed *fed)
{
    return fed->policy;
}

const struct xmpp_fed_settings *xmpp_fed_settings(const struct xmpp_fed *fed)
{
    return fed->settings;
}

bool xmpp_fed_allows(const struct xmpp_fed *fed, struct gw_str domain, enum xmpp_direction d,
                     struct gw_err *why)
{
    const char *exception = xmpp_policy_find(fed->policy, domain, d);
    bool is_allowed = (fed->settings->policy == XMPP_FED_ALLOW) != (exception != NULL);

    if (!fed->settings->is_on) {
        (void)gw_fail(why, GW_DENIED, "federation is off (kalendsctl set federation.xmpp on)");
        return false;
    }
    if (pres_domain_is_ours(fed->host->core, domain)) {
        (void)gw_fail(why, GW_DENIED, "the domain is ours");
        return false;
    }
    if (pres_route_front(fed->host->core, domain) != fed->host->front) {
        (void)gw_fail(why, GW_DENIED, "the domain is reached by another protocol");
        return false;
    }
    if (exception)
        (void)gw_fail(why, GW_DENIED, "%s by the exception '%s' (kalendsctl federation)",
                      is_allowed ? "allowed" : "denied", exception);
    else
        (void)gw_fail(why, GW_DENIED, "%s by federation.policy", is_allowed ? "allowed" : "denied");
    return is_allowed;
}

/* ---- Links ---- */

static struct xmpp_link *link_find(const struct xmpp_fed *fed, struct gw_str local,
                                   struct gw_str remote, struct gw_buf *key)
{
    gw_buf_init(key, 4 * XMPP_JID_PART_MAX);
    gw_buf_addf(key, "%.*s %.*s", GW_STR_ARG(local), GW_STR_ARG(remote));
    return gw_map_get(fed->links, gw_buf_str(key));
}

struct xmpp_link *xmpp_link_get(struct xmpp_fed *fed, struct gw_str local, struct gw_str remote)
{
    struct gw_buf key;
    struct xmpp_link *l = link_find(fed, local, remote, &key);

    if (!l && gw_map_len(fed->links) < XMPP_LINKS_MAX) {
        l = gw_new(struct xmpp_link);
        l->fed = fed;
        l->key = gw_buf_take(&key);
        l->local = (struct gw_str){ l->key, local.len };
        l->remote = (struct gw_str){ l->key + local.len + 1, remote.len };
        l->retry_at = GW_NEVER;
        gw_list_init(&l->letters);
        gw_list_init(&l->sent);
        gw_list_init(&l->verifies);
        gw_map_set(fed->links, gw_str_of(l->key), l);
    }
    gw_buf_done(&key);
    return l;
}

bool xmpp_link_waits(const struct xmpp_link *l)
{
    return l->letter_count || l->sent_count || !gw_list_is_empty(&l->verifies);
}

static bool is_waiting(const struct xmpp_link *l)
{
    return l->retry_at != GW_NEVER && l->fed->now.mono < l->retry_at;
}

/* One may be made, in the name of whom it is made for; max: of all that are being made. Who makes us
 * connect to many domains does not keep the others from it. */
static bool may_dial(struct xmpp_link *l, struct gw_str cause, size_t max)
{
    if (l->out || l->cause || is_waiting(l) || l->fed->is_stopped)
        return true; /* nothing is made now */
    if (l->fed->dials < max)
        l->cause = xmpp_origin_take(l->fed->causes, cause, XMPP_DIALS_OF_ONE);
    if (l->cause)
        l->fed->dials++;
    return l->cause != NULL;
}

/* A connection is made, unless there is one or it is too early. may_dial() was asked. */
static void dial(struct xmpp_link *l)
{
    struct xmpp_s2s *s;

    if (l->out || is_waiting(l) || l->fed->is_stopped)
        return;
    l->retry_at = GW_NEVER;
    s = xmpp_s2s_new(l->fed, false, l->fed->now.mono);
    s->for_link = l;
    s->no_tls = l->no_tls;
    s->local = gw_str_dup(l->local);
    s->remote = gw_str_dup(l->remote);
    l->no_tls = false;
    l->out = s;
    l->fed->dial(s, l->fed->dial_ctx);
}

/* Some users; false: there is no more to do now. What is told anew must not fill the queue, or it would be
 * dropped itself. What is dropped all the same, for another reason, is for another time. */
static bool renew_some(struct xmpp_link *l)
{
    size_t room = (size_t)l->fed->settings->queue_kb * 1024 / 2;

    for (int i = 0; i < XMPP_RENEW_MAX && l->is_renewing && l->letter_bytes < room; i++)
        l->is_renewing =
            pres_abroad_renew(l->fed->host->core, l->local, l->remote, &l->walk) && !l->is_stale;
    return l->is_renewing && l->letter_bytes < room;
}

static bool renew(struct xmpp_link *l)
{
    l->is_stale = false;
    l->is_renewing = true;
    l->walk = (struct pres_walk){ 0 };
    return renew_some(l);
}

/* What waits goes out, as far as there is room. */
static void flush(struct xmpp_link *l)
{
    struct xmpp_s2s *s = l->out;

    while (l->letter_count && !s->is_lost && s->io->queued(s->io_ctx) < XMPP_HOLD_AT) {
        struct xmpp_letter *letter = GW_CONTAINER(l->letters.next, struct xmpp_letter, link);

        if (!xmpp_s2s_write(s, (struct gw_str){ letter->bytes, letter->len }))
            return; /* they wait for the next connection */
        s->used_at = l->fed->now.mono;
        l->fed->counters.stanzas_out++;
        xmpp_link_sent(l, letter);
    }
    xmpp_link_ask(l);
}

void xmpp_link_open(struct xmpp_link *l)
{
    cause_leave(l);
    if (!l->out->has_sm)
        l->failures = 0;
    l->error.code = GW_OK;
    xmpp_link_send_verifies(l);
    flush(l);
    if (l->letter_count)
        return;
    if (l->is_renewing)
        (void)renew_some(l);
    else if (l->is_stale)
        (void)renew(l);
}

/* Those who wait are told; presence is told anew when there is a way again. */
static void give_up_letters(struct xmpp_link *l)
{
    struct xmpp_letter *letter;

    l->is_stale = l->is_stale || l->is_renewing;
    l->is_renewing = false;
    while ((letter = letter_pop(l))) {
        struct xmpp_bounce *bounce = letter->bounce;

        letter->bounce = NULL;
        l->is_stale = l->is_stale || letter->is_presence;
        xmpp_letter_free(l, letter);
        if (bounce) {
            l->fed->counters.bounced++;
            xmpp_bounce_tell(l->fed, bounce, &l->error);
        }
    }
}

static void give_up_questions(struct xmpp_link *l)
{
    while (!gw_list_is_empty(&l->verifies)) {
        struct xmpp_verify *v = GW_CONTAINER(l->verifies.next, struct xmpp_verify, link);
        struct xmpp_s2s *in = v->in;

        verify_free(v);
        xmpp_s2s_in_verified(in, l->remote, l->local, false, &l->error);
    }
}

/* What was asked on a connection that is gone is asked again on the next one. */
static void ask_again(struct xmpp_link *l)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&l->verifies, it, tmp)
    GW_CONTAINER(it, struct xmpp_verify, link)->is_sent = false;
}

static int64_t pause_ms(const struct xmpp_link *l)
{
    int64_t max_s = l->fed->settings->retry_max_s, s = 1;

    for (unsigned i = 1; i < l->failures && s < max_s; i++)
        s *= 2;
    return (s < max_s ? s : max_s) * GW_SECOND_MS;
}

/* It was good once: what came since then gets another one at once. But what made the peer end one, and
 * then the next, does not end them without end. */
static bool is_worth_another(const struct xmpp_link *l, const struct xmpp_s2s *s)
{
    return s->how && !l->failures;
}

void xmpp_link_closed(struct xmpp_link *l, struct xmpp_s2s *s)
{
    char remote[GW_QUOTE_MAX], quoted[GW_QUOTE_MAX];

    if (l->out != s)
        return;
    l->out = NULL;
    ask_again(l);
    xmpp_sm_closed(l, s);
    if (l->no_tls && !s->no_tls) { /* TLS is optional and did not work: once more without */
        gw_info("federation", "s=%s domain=%s reason=%s, tried without TLS", s->log_id,
                gw_quote(l->remote, remote), gw_quote(gw_str_of(s->error.msg), quoted));
        dial(l);
        return;
    }
    cause_leave(l);
    if (!xmpp_link_waits(l)) /* all that it was made for was said, or asked */
        return;
    if (is_worth_another(l, s) && may_dial(l, l->remote, XMPP_DIALS_MAX)) {
        l->failures++;
        dial(l);
        return;
    }
    l->error = s->error;
    if (!l->error.code)
        (void)gw_fail(&l->error, GW_UNREACHABLE, "the server closed the connection");
    l->failures++;
    l->retry_at = gw_time_after(l->fed->now.mono, pause_ms(l));
    if (l->sent_count && l->retry_at > l->session_until)
        l->retry_at = l->session_until;
    gw_warn("federation", "s=%s not reached domain=%s from='%.*s' reason=%s", s->log_id,
            gw_quote(l->remote, remote), GW_STR_ARG(l->local),
            gw_quote(gw_str_of(l->error.msg), quoted));
    give_up_letters(l);
    give_up_questions(l);
}

/* ---- Sending ---- */

static enum xmpp_sent refuse(struct xmpp_fed *fed, struct xmpp_bounce *bounce, enum xmpp_sent why)
{
    fed->counters.dropped++;
    xmpp_bounce_free(bounce);
    return why;
}

static struct gw_str domain_of(struct gw_str jid)
{
    (void)gw_str_cut(jid, "/", &jid, NULL);
    (void)gw_str_cut(jid, "@", NULL, &jid);
    return jid;
}

static struct gw_str bare_of(struct gw_str jid)
{
    (void)gw_str_cut(jid, "/", &jid, NULL);
    return jid;
}

/* What is said goes out at once. */
static bool is_flowing(const struct xmpp_link *l)
{
    const struct xmpp_s2s *s = l->out;

    return s && s->state == S2S_OPEN && !s->is_lost && !l->letter_count &&
           s->io->queued(s->io_ctx) < XMPP_HOLD_AT;
}

/* Where nobody acknowledges, nothing is kept either. */
static bool write_now(struct xmpp_link *l, struct gw_str stanza)
{
    struct xmpp_s2s *s = l->out;

    if (!is_flowing(l) || s->has_sm || !xmpp_s2s_write(s, stanza))
        return false;
    s->used_at = l->fed->now.mono;
    l->fed->counters.stanzas_out++;
    return true;
}

/* The newest state: the one that waited need not go out. */
static void keep_state(struct xmpp_link *l, struct xmpp_letter *letter)
{
    struct xmpp_letter *before;

    if (!l->states)
        l->states = gw_map_new();
    before = gw_map_get(l->states, letter->state);
    if (before) {
        xmpp_letter_take(l, before);
        xmpp_letter_free(l, before);
    }
    gw_map_set(l->states, letter->state, letter);
}

/* state: of whom and to whom the stanza is one; empty: it is none. */
static void keep(struct xmpp_link *l, struct gw_str stanza, struct xmpp_bounce *bounce,
                 bool is_presence, struct gw_str state)
{
    struct xmpp_letter *letter = gw_alloc(sizeof(*letter) + stanza.len + state.len);

    letter->bounce = bounce;
    letter->is_presence = is_presence;
    letter->len = stanza.len;
    memcpy(letter->bytes, stanza.p, stanza.len);
    if (state.len) {
        memcpy(letter->bytes + stanza.len, state.p, state.len);
        letter->state = (struct gw_str){ letter->bytes + stanza.len, state.len };
        keep_state(l, letter);
    }
    gw_list_append(&l->letters, &letter->link);
    l->letter_count++;
    l->letter_bytes += stanza.len;
}

/* Empty: what goes out at once replaces nothing. */
static struct gw_str state_of(const struct xmpp_link *l, struct gw_str from, struct gw_str to)
{
    struct gw_buf *out = &l->fed->out;

    if (is_flowing(l))
        return GW_STR("");
    gw_buf_reset(out);
    gw_buf_addf(out, "%.*s %.*s", GW_STR_ARG(from), GW_STR_ARG(to));
    return gw_buf_str(out);
}

enum xmpp_sent xmpp_fed_send(struct xmpp_fed *fed, struct gw_str from, struct gw_str to,
                             struct gw_str stanza, struct xmpp_bounce *bounce, bool is_presence)
{
    struct xmpp_link *l;
    struct gw_err why;

    fed->now = fed->clock(fed->dial_ctx);
    if (!xmpp_fed_allows(fed, domain_of(to), XMPP_OUT, &why))
        return refuse(fed, bounce, XMPP_SENT_FORBIDDEN);
    l = xmpp_link_get(fed, domain_of(from), domain_of(to));
    if (!l)
        return refuse(fed, bounce, XMPP_SENT_FULL);
    if (write_now(l, stanza)) {
        xmpp_bounce_free(bounce);
        return XMPP_SENT;
    }
    if (!l->out && is_waiting(l)) {
        l->is_stale = l->is_stale || is_presence;
        return refuse(fed, bounce, XMPP_SENT_AWAY);
    }
    if (l->letter_bytes + stanza.len > (size_t)fed->settings->queue_kb * 1024 ||
        !may_dial(l, bare_of(from), XMPP_DIALS_MAX)) {
        l->is_stale = l->is_stale || is_presence;
        return refuse(fed, bounce, XMPP_SENT_FULL);
    }
    keep(l, stanza, bounce, is_presence,
         is_presence && !bounce ? state_of(l, from, to) : GW_STR(""));
    if (l->out && l->out->state == S2S_READY)
        xmpp_s2s_out_proceed(l->out);
    else if (l->out && l->out->state == S2S_OPEN)
        flush(l);
    else
        dial(l);
    return XMPP_SENT;
}

/* ---- Keys that a domain's own server is to confirm ---- */

bool xmpp_link_verify(struct xmpp_link *l, struct xmpp_s2s *in, struct gw_str key)
{
    char network[PRES_NETWORK_MAX];
    struct xmpp_verify *v;

    if (!l->out)
        l->retry_at = GW_NEVER; /* a domain that comes to us is there: it is not left alone */
    if (!may_dial(l, gw_str_of(pres_network_of(gw_str_of(in->peer), network)), XMPP_DIALS_MAX / 2))
        return false;
    v = gw_new(struct xmpp_verify);
    v->in = in;
    v->id = gw_str_dup(gw_str_of(in->id));
    v->key = gw_str_dup(key);
    gw_list_append(&l->verifies, &v->link);
    if (l->out)
        xmpp_link_send_verifies(l);
    else
        dial(l);
    return true;
}

/* Between its steps a connection is the negotiation's alone. */
static bool may_ask(const struct xmpp_s2s *s)
{
    return s->state == S2S_READY || s->state == S2S_DIALBACK || s->state == S2S_OPEN;
}

void xmpp_link_send_verifies(struct xmpp_link *l)
{
    struct xmpp_s2s *s = l->out;
    struct gw_list *it, *tmp;
    struct xml_writer w;

    if (!may_ask(s))
        return;
    GW_LIST_EACH(&l->verifies, it, tmp)
    {
        struct xmpp_verify *v = GW_CONTAINER(it, struct xmpp_verify, link);

        if (v->is_sent)
            continue;
        v->is_sent = true;
        xmpp_s2s_begin(s, &w);
        xml_open(&w, "db:verify");
        xml_put_attr(&w, "from", l->local);
        xml_put_attr(&w, "to", l->remote);
        xml_put_attr(&w, "id", gw_str_of(v->id));
        xml_put_text(&w, gw_str_of(v->key));
        xml_close(&w);
        xmpp_s2s_end(s);
    }
}

void xmpp_link_verified(struct xmpp_link *l, struct gw_str id, bool is_valid)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&l->verifies, it, tmp)
    {
        struct xmpp_verify *v = GW_CONTAINER(it, struct xmpp_verify, link);
        struct xmpp_s2s *in = v->in;

        if (!v->is_sent || !gw_str_is(id, v->id))
            continue;
        verify_free(v);
        xmpp_s2s_in_verified(in, l->remote, l->local, is_valid, NULL);
        return;
    }
}

void xmpp_link_forget(struct xmpp_fed *fed, struct xmpp_s2s *in)
{
    struct gw_list *pair, *next, *it, *tmp;

    GW_LIST_EACH(&in->pairs, pair, next)
    {
        struct xmpp_pair *p = GW_CONTAINER(pair, struct xmpp_pair, link);
        struct gw_buf key;
        struct xmpp_link *l = link_find(fed, gw_str_of(p->to), gw_str_of(p->from), &key);

        gw_buf_done(&key);
        if (!l || p->is_valid)
            continue;
        GW_LIST_EACH(&l->verifies, it, tmp)
        {
            struct xmpp_verify *v = GW_CONTAINER(it, struct xmpp_verify, link);

            if (v->in == in)
                verify_free(v); /* an answer that is on its way is to nobody */
        }
    }
}

/* ---- Time, and changes ---- */

/* A failure is remembered for a while: pauses grow, and it is shown. But domains that others name are
 * without end. */
static bool is_over(const struct xmpp_link *l)
{
    if (xmpp_link_waits(l))
        return false;
    return !l->error.code || l->retry_at == GW_NEVER ||
           l->fed->now.mono - l->retry_at >= FAILED_KEPT_MS ||
           gw_map_len(l->fed->links) > XMPP_FAILED_MAX;
}

/* What was sent to a server that is away, and may have it or not. */
static void look_for_session(struct xmpp_link *l)
{
    if (l->fed->now.mono >= l->session_until) {
        xmpp_link_end_session(l);
        give_up_letters(l);
    } else if (may_dial(l, l->remote, XMPP_DIALS_MAX)) {
        dial(l);
    }
}

/* A way that failed while presence was dropped, or before what was sent was acknowledged, is looked for
 * again; others when they are needed. */
bool xmpp_fed_tick(struct xmpp_fed *fed, struct gw_now now)
{
    struct xmpp_link *l;
    bool more = false;
    size_t pos = 0;
    struct gw_err why;

    fed->now = now;
    xmpp_tallies_forget(fed, now.mono);
    if (fed->is_reviewing)
        more = xmpp_review_go_on(fed);
    while (!more && (l = gw_map_next(fed->links, &pos))) {
        xmpp_link_watch(l);
        if (l->is_renewing) {
            more = renew_some(l);
            continue;
        }
        if (l->out || is_waiting(l) || (l->is_stale && fed->dials >= XMPP_DIALS_MAX))
            continue;
        if (l->sent_count)
            look_for_session(l);
        else if (l->is_stale && xmpp_fed_allows(fed, l->remote, XMPP_OUT, &why))
            more = renew(l);
        else if (is_over(l))
            link_free(l);
    }
    return more;
}

static bool may_come(const struct xmpp_s2s *in, struct gw_err *why)
{
    struct gw_list *it, *tmp;

    if (in->remote && !xmpp_fed_allows(in->fed, gw_str_of(in->remote), XMPP_IN, why))
        return false;
    GW_LIST_EACH(&in->pairs, it, tmp)
    {
        const struct xmpp_pair *p = GW_CONTAINER(it, struct xmpp_pair, link);

        if (!xmpp_fed_allows(in->fed, gw_str_of(p->from), XMPP_IN, why) ||
            !xmpp_s2s_is_certified(in, gw_str_of(p->from), why))
            return false;
    }
    return true;
}

/* In clear, and past the step at which TLS would have come. */
static bool stays_clear(const struct xmpp_s2s *s)
{
    bool is_out_ready = !s->is_in && (s->state == S2S_READY || s->state == S2S_DIALBACK);

    return !s->is_tls && (s->how || s->pair_count || is_out_ready);
}

static bool may_stay(const struct xmpp_s2s *s, struct gw_err *why)
{
    if (!s->fed->settings->is_on) {
        (void)gw_fail(why, GW_DENIED, "federation is off");
        return false;
    }
    if (stays_clear(s) && s->fed->settings->tls == XMPP_FED_TLS_REQUIRED) {
        (void)gw_fail(why, GW_DENIED, "TLS is required");
        return false;
    }
    if (s->is_in)
        return may_come(s, why);
    /* One that has proved nothing may be there to ask for others, and carries nothing else. */
    return !s->how || (xmpp_fed_allows(s->fed, gw_str_of(s->remote), XMPP_OUT, why) &&
                       xmpp_s2s_is_certified(s, gw_str_of(s->remote), why));
}

void xmpp_fed_apply(struct xmpp_fed *fed, struct gw_now now)
{
    struct gw_list *it, *tmp;
    struct xmpp_link *l;
    struct gw_err why;
    size_t pos = 0;

    fed->now = now;
    pres_route_set(fed->host->core, GW_STR(""), fed->settings->is_on ? fed->host->front : NULL);
    GW_LIST_EACH(&fed->streams, it, tmp)
    {
        struct xmpp_s2s *s = GW_CONTAINER(it, struct xmpp_s2s, in_fed);

        if (!may_stay(s, &why)) {
            xmpp_s2s_error(s, GW_DENIED, "policy-violation", why.msg);
            if (s->io)
                s->io->wake(s->io_ctx);
        }
    }
    while ((l = gw_map_next(fed->links, &pos))) {
        l->retry_at = GW_NEVER; /* whatever it was may be over */
        if ((!l->letter_count && !l->sent_count) || xmpp_fed_allows(fed, l->remote, XMPP_OUT, &why))
            continue;
        l->error = why;
        xmpp_link_end_session(l);
        give_up_letters(l);
    }
    xmpp_review_begin(fed);
}

/* ---- Looking on ---- */

void xmpp_fed_counters(const struct xmpp_fed *fed, struct xmpp_fed_counters *out)
{
    *out = fed->counters;
}

void xmpp_fed_each(const struct xmpp_fed *fed, xmpp_link_fn *each, void *ctx)
{
    const struct xmpp_link *l;
    struct gw_list *it, *tmp;
    size_t pos = 0;

    while ((l = gw_map_next(fed->links, &pos))) {
        const struct xmpp_s2s *s = l->out;

        each(&(struct xmpp_link_view){ .local = l->local,
                                       .remote = l->remote,
                                       .state = s               ? xmpp_s2s_state_name(s)
                                                : l->error.code ? "failed"
                                                                : "idle",
                                       .peer = s ? s->peer : "",
                                       .how = s && s->how ? s->how : "",
                                       .is_tls = s && s->is_tls,
                                       .is_acked = s && s->has_sm,
                                       .queued = l->letter_count,
                                       .unacked = l->sent_count,
                                       .since = s ? s->since : 0,
                                       .retry_at = l->retry_at,
                                       .error = l->error.code ? l->error.msg : "" },
             ctx);
    }
    GW_LIST_EACH(&fed->streams, it, tmp)
    {
        const struct xmpp_s2s *s = GW_CONTAINER(it, struct xmpp_s2s, in_fed);

        if (!s->is_in)
            continue;
        each(&(struct xmpp_link_view){ .local = gw_str_of(s->local),
                                       .remote = gw_str_of(s->remote),
                                       .is_in = true,
                                       .state = xmpp_s2s_state_name(s),
                                       .peer = s->peer,
                                       .how = s->how ? s->how : "",
                                       .is_tls = s->is_tls,
                                       .is_acked = s->tally != NULL,
                                       .since = s->since,
                                       .retry_at = GW_NEVER,
                                       .error = "" },
             ctx);
    }
}
