/* PUBLISH comes in (RFC 3903): what a user's own SIP clients say of him. Each publication is soft state with
 * an entity tag, bounded by user and gone when it is not refreshed; stored, so that a restart is nothing to
 * the client or to who watches. Together they are what one XMPP client would say: the newest one that is
 * open counts. Who asks has logged in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_account.h"

enum { EXPIRES_DEFAULT_S = 3600 };

/* ---- What the account shows ---- */

static const struct sip_state *leader(const struct sip_account *a)
{
    const struct sip_state *newest = NULL;
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->states, it, tmp)
    {
        const struct sip_state *s = GW_CONTAINER(it, struct sip_state, link);

        if (s->show != PRES_OFFLINE)
            newest = s;
    }
    return newest;
}

/* Only what is new is told: a refresh is nothing to the user's watchers. */
static void show(struct sip_account *a)
{
    const struct sip_state *s = leader(a);
    struct pres_client client = { .show = PRES_OFFLINE };

    if (s)
        client = (struct pres_client){ .show = s->show, .text = { s->note, s->note_len } };
    if (client.show == a->show && gw_str_is(client.text, a->note ? a->note : ""))
        return;
    a->show = client.show;
    free(a->note);
    a->note = gw_str_dup(client.text);
    (void)pres_session_set(a->session, &client, a->core->now); /* a note is never too long */
}

/* ---- Publications ---- */

static struct sip_state *state_find(const struct sip_account *a, struct gw_str etag)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->states, it, tmp)
    {
        struct sip_state *s = GW_CONTAINER(it, struct sip_state, link);

        if (gw_str_is(etag, s->etag))
            return s;
    }
    return NULL;
}

static void state_free(struct sip_state *s)
{
    gw_list_remove(&s->link);
    gw_heap_remove(&s->account->core->state_due, &s->due);
    s->account->state_count--;
    free(s);
}

/* The one that ends first goes when there are too many. */
static void make_room(struct sip_account *a)
{
    struct sip_state *first = NULL;
    struct gw_list *it, *tmp;

    if (a->state_count < SIP_STATES_MAX)
        return;
    GW_LIST_EACH(&a->states, it, tmp)
    {
        struct sip_state *s = GW_CONTAINER(it, struct sip_state, link);

        if (!first || s->expires_at < first->expires_at)
            first = s;
    }
    state_free(first);
}

static void set_end(struct sip_state *s, gw_time at)
{
    s->expires_at = at;
    gw_heap_set(&s->account->core->state_due, &s->due, at);
}

static struct sip_state *state_new(struct sip_account *a, enum pres_show shows, struct gw_str note)
{
    struct sip_state *s = gw_alloc(sizeof(*s) + note.len);

    make_room(a);
    s->account = a;
    s->show = shows;
    s->note_len = note.len;
    if (note.len)
        memcpy(s->note, note.p, note.len);
    gw_list_append(&a->states, &s->link);
    a->state_count++;
    return s;
}

void sip_states_free(struct sip_account *a)
{
    while (!gw_list_is_empty(&a->states))
        state_free(GW_CONTAINER(a->states.next, struct sip_state, link));
    free(a->note);
    a->note = NULL;
    a->show = PRES_OFFLINE;
}

void sip_states_save(struct sip_account *a)
{
    struct sip_core *core = a->core;
    struct gw_buf value;

    if (!core->store)
        return;
    gw_buf_init(&value, STORE_VALUE_MAX);
    if (a->state_count && sip_state_record_write(a, core->now.utc, core->now.mono, &value))
        store_put(sip_batch(core), SIP_STATE_KIND, a->jid, a->jid, gw_buf_str(&value));
    else
        store_del(sip_batch(core), SIP_STATE_KIND, a->jid);
    gw_buf_done(&value);
}

gw_time sip_states_deadline(const struct sip_core *core)
{
    const struct gw_due *first = gw_heap_first(&core->state_due);

    return first ? first->at : GW_NEVER;
}

void sip_states_tick(struct sip_core *core)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&core->state_due, core->now.mono))) {
        struct sip_state *s = GW_CONTAINER(due, struct sip_state, due);
        struct sip_account *a = s->account;

        gw_debug("sip", "publication over user='%.*s'", GW_STR_ARG(a->jid));
        state_free(s);
        sip_states_save(a);
        show(a);
        sip_account_settle(a);
    }
}

/* ---- After a restart ---- */

struct restoring {
    struct sip_core *core;
    struct gw_str jid;
};

static void restore_one(const struct sip_state_args *args, gw_utc expires, void *ctx)
{
    const struct restoring *r = ctx;
    struct sip_account *a;
    struct sip_state *s;
    gw_time at;

    if (!sip_record_lasts(r->core, expires, &at) || !(a = sip_account_take(r->core, r->jid)))
        return;
    s = state_new(a, args->show, args->note);
    memcpy(s->etag, args->etag.p, SIP_ETAG_LEN);
    set_end(s, at);
}

void sip_state_restore(struct sip_core *core, struct gw_str jid, struct gw_str value)
{
    struct restoring r = { core, jid };
    struct sip_account *a;
    char key[GW_QUOTE_MAX];
    struct gw_err err;
    enum gw_code rc;

    if (!sip_login_is_possible(core, jid)) {
        store_del(sip_batch(core), SIP_STATE_KIND, jid);
        return;
    }
    rc = sip_state_record_read(value, restore_one, &r, &err);
    if (rc)
        gw_warn("sip", "publication record unreadable key=%s reason=\"%s\", ignored",
                gw_quote(jid, key), err.msg);
    a = sip_account_find(core, jid);
    if (a)
        show(a);
    if (!rc && (!a || !a->state_count)) /* all of it ran out meanwhile */
        store_del(sip_batch(core), SIP_STATE_KIND, jid);
}

/* ---- The request ---- */

static void refuse_with(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                        unsigned status)
{
    char min[24];

    sip_answer_begin(core, m, from, status, GW_STR(""));
    (void)snprintf(min, sizeof(min), "%lld", (long long)core->settings->expires_min_s);
    if (status == 423)
        sip_write_header(&core->out, "Min-Expires", gw_str_of(min));
    if (status == 489)
        sip_write_header(&core->out, "Allow-Events", GW_STR("presence"));
    if (status == 415)
        sip_write_header(&core->out, "Accept",
                         GW_STR("application/pidf+xml, application/cpim-pidf+xml"));
    sip_answer_send(core, m, from);
}

static int64_t expires_of(const struct sip_core *core, const struct sip_msg *m)
{
    int64_t s = m->expires < 0 ? EXPIRES_DEFAULT_S : m->expires;

    return s < core->settings->expires_max_s ? s : core->settings->expires_max_s;
}

/* 0, or how it is refused. */
static unsigned document_read(const struct sip_msg *m, enum pres_show *shows, struct gw_buf *note)
{
    struct gw_str type = sip_msg_type(m);
    enum sip_word word;

    if (!gw_str_iis(type, sip_format_types[SIP_PIDF]) &&
        !gw_str_iis(type, sip_format_types[SIP_CPIM_PIDF]))
        return 415;
    if (m->body.len > SIP_DOCUMENT_MAX)
        return 413;
    if (sip_pidf_read(m->body, &word, note, NULL))
        return 400;
    *shows = sip_map_in(SIP_KIND_SIMPLE, word);
    return 0;
}

/* What is refused of it whatever it says: RFC 3903 6, steps 1 to 4. */
static unsigned request_check(const struct sip_core *core, const struct sip_msg *m,
                              int64_t expires_s)
{
    struct gw_buf user;
    bool is_own;

    gw_buf_init(&user, SIP_URI_MAX);
    is_own = gw_str_eq(sip_address_of(&m->target, &user), gw_buf_str(&core->login));
    gw_buf_done(&user);
    if (!core->login.len || !is_own)
        return 403; /* nobody speaks for another */
    if (!gw_str_is(m->event, "presence"))
        return 489;
    if (expires_s > 0 && expires_s < core->settings->expires_min_s)
        return 423;
    return 0;
}

/* A new one, in place of 'old' (NULL: none); without a body as that was. Which one it is now; NULL: it is
 * over with this request. */
static struct sip_state *state_put(struct sip_account *a, struct sip_state *old,
                                   const struct sip_msg *m, enum pres_show shows,
                                   struct gw_str note, int64_t expires_s)
{
    struct sip_state *s = old;

    if (old && (!expires_s || m->body.len)) {
        state_free(old);
        s = NULL;
    }
    if (!expires_s)
        return NULL;
    if (!s)
        s = state_new(a, shows, note);
    set_end(s, gw_time_after(a->core->now.mono, expires_s * GW_SECOND_MS));
    gw_random_hex(s->etag, SIP_ETAG_LEN / 2);
    return s;
}

static void accept(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                   const struct sip_state *s, int64_t expires_s)
{
    char none[SIP_ETAG_LEN + 1]; /* RFC 3903 6 step 6: there is a tag also of what is over */

    gw_random_hex(none, SIP_ETAG_LEN / 2);
    sip_answer_begin(core, m, from, 200, GW_STR(""));
    gw_buf_addf(&core->out, "Expires: %lld\r\nSIP-ETag: %s\r\n", (long long)expires_s,
                s ? s->etag : none);
    sip_answer_send(core, m, from);
}

static void publish(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from,
                    struct sip_account *a, int64_t expires_s)
{
    enum pres_show shows = PRES_OFFLINE;
    struct sip_pos pos = { 0 };
    struct sip_state *s = NULL;
    struct gw_str etag;
    struct gw_buf note;
    unsigned status = 0;

    gw_buf_init(&note, PRES_TEXT_MAX);
    if (sip_msg_next(m, SIP_IF_MATCH, &pos, &etag) && !(s = state_find(a, etag)))
        status = 412;
    else if (m->body.len)
        status = document_read(m, &shows, &note);
    else if (!s)
        status = 400; /* what is new says something */
    if (status) {
        refuse_with(core, m, from, status);
    } else {
        s = state_put(a, s, m, shows, gw_buf_str(&note), expires_s);
        sip_states_save(a);
        accept(core, m, from, s, expires_s);
        core->counters.publications_in++;
        show(a);
    }
    gw_buf_done(&note);
}

void sip_publish_in(struct sip_core *core, const struct sip_msg *m, const struct sip_peer *from)
{
    int64_t expires_s = expires_of(core, m);
    struct sip_account *a;
    unsigned status;

    if (!sip_login_is_on(core)) {
        sip_refuse_method(core, m, from);
        return;
    }
    status = request_check(core, m, expires_s);
    if (status) {
        refuse_with(core, m, from, status);
        return;
    }
    a = sip_account_take(core, gw_buf_str(&core->login));
    if (!a) {
        refuse_with(core, m, from, 503);
        return;
    }
    publish(core, m, from, a, expires_s);
    sip_account_settle(a);
}
