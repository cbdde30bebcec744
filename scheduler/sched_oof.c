/* Automatic replies. Exchange tells of no change: they are polled, in every user's own turn. Mail tips
 * (2010 and later) say of fifty mailboxes in one request who replies now, but not what is planned, and
 * not a reply without a text, nor what people outside are told. So they are asked for when there are some
 * to ask for at once; the setting itself is read, at each poll, as long as replies go out, and now and
 * then in any case. */
#include "sched_priv.h"

enum { SAME_KIND_MAX = 6 };

/* So that those who begin together do not read their settings together. */
void sched_oof_init(struct sched_user *u)
{
    u->replies.same_kind = (unsigned char)((u->hash >> 8) % SAME_KIND_MAX);
}

gw_time sched_oof_next(const struct sched *s, const struct sched_user *u)
{
    return sched_turn_next(s, u, sched_minutes(s, s->settings.oof_poll_min));
}

/* Dates that do not count now are nothing to compare: Exchange keeps old ones. */
static struct gw_oof canonical(const struct gw_oof *oof)
{
    if (oof->state == GW_OOF_SCHEDULED)
        return *oof;
    return (struct gw_oof){ .state = oof->state };
}

static bool is_same(const struct gw_oof *a, const struct gw_oof *b)
{
    return a->state == b->state && a->start == b->start && a->end == b->end;
}

static void take(struct sched *s, struct sched_user *u, const struct gw_oof *told, gw_utc asked)
{
    struct sched_data *d = &u->data;
    struct gw_oof oof = canonical(told);
    bool same = d->oof_known && is_same(&oof, &d->oof);
    bool shown = !d->oof_known ? oof.state != GW_OOF_DISABLED : !same;

    d->oof_known = true;
    d->oof = oof;
    d->oof_read_at = asked;
    if (!same)
        sched_data_save(s, u);
    if (shown) {
        sched_due_set(s, u);
        sched_changed(s, u);
    }
}

static bool replies_now(const struct sched *s, const struct sched_user *u)
{
    return u->data.oof_known && gw_oof_is_active(&u->data.oof, s->now.utc);
}

static void done(struct sched *s, struct sched_job *job, bool exact)
{
    struct sched_user *u = sched_job_user(job);
    struct sched_replies *r = &u->replies;

    job->tries = 0;
    sched_error_clear(s, u, SCHED_OOF);
    if (r->exact != exact)
        r->same_kind = 0;
    r->exact = exact;
    sched_job_want(s, job, sched_oof_next(s, u), sched_oof_next(s, u));
}

void sched_oof_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                        const struct ews_answer *answer)
{
    struct sched_user *u = sched_job_user(job);

    if (s->callbacks.replies)
        s->callbacks.replies(sched_user_name(u), answer->reply_internal, answer->reply_external,
                             s->callbacks.ctx);
    take(s, u, &answer->oof, call->started.utc);
    done(s, job, replies_now(s, u));
}

static void ask_exactly(struct sched *s, struct sched_job *job)
{
    struct sched_replies *r = &sched_job_user(job)->replies;

    r->exact = true;
    r->same_kind = 0;
    sched_job_queue(s, job);
}

void sched_tip_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                        const struct ews_tip *tip)
{
    static const struct gw_oof none = { .state = GW_OOF_DISABLED };
    struct sched_user *u = sched_job_user(job);

    if (tip->status.class != EWS_OK) {
        ask_exactly(s, job);
        return;
    }
    if (tip->pending) {
        done(s, job, false);
        return;
    }
    if (gw_oof_is_active(&tip->oof, s->now.utc) || replies_now(s, u)) {
        ask_exactly(s, job);
        return;
    }
    take(s, u, u->data.oof_known ? &u->data.oof : &none, call->started.utc);
    done(s, job, ++u->replies.same_kind >= SAME_KIND_MAX);
}
