/* Further calendars, of users whose rules look at calendars. Which there are is asked for in two steps: the
 * own one, then the others without it. Those that a rule could match are kept, and from then on
 * subscribed to and read together with the own one. Until it is known which they are neither is begun, so
 * that nobody is subscribed twice or shown by half of his calendars; unless it could not be learned, or
 * not for some minutes.
 *
 * It is asked again a few times a day, and when Exchange tells that folders have changed. A folder that
 * may not be read, or is gone, takes nothing from the others: it is left out, and of the subscription,
 * too, until it can be read again. */
#include "sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum {
    HELD_MS =
        GW_MINUTE_MS, /* what waits for an answer looks again; the answer lets it go at once */
    HOLD_MAX_MS = 5 * GW_MINUTE_MS,    /* then they begin with what is known */
    TOLD_MS = 300,                     /* several events of one change */
    LOOKS_APART_MS = 3 * GW_SECOND_MS, /* however often it is told */
    REFUSED_MIN = 5,                   /* then the next look lets all be subscribed to again */
    TRIES_MAX = 2 /* then what is wrong with one folder is wrong with it alone */
};

struct folder {
    char *id, *name;
    bool is_refused; /* it cannot be read; only a reading of it tells another thing */
};

struct sched_folders {
    uint32_t found_for;     /* the mark of what is wanted; 0: they are not known yet */
    char *own;              /* the name of the own calendar; "" until it is known */
    char *own_id, *own_new; /* between the two steps; else NULL */
    struct folder *folder;  /* by id */
    size_t count;
    unsigned left; /* rules look at so many more */
    bool is_cut;   /* there are more than were found */
    bool holds_read, holds_subscribe;
    gw_time hold_end; /* GW_NEVER: nothing has waited yet */
    gw_time found_at;
    uint32_t refused; /* together they could not be subscribed to; 0: they could */
    gw_time refused_at;
};

/* ---- the list ---- */

static void folders_clear(struct sched_folders *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->folder[i].id);
        free(f->folder[i].name);
    }
    free(f->folder);
    f->folder = NULL;
    f->count = 0;
}

void sched_folders_free(struct sched_folders **fp)
{
    struct sched_folders *f = *fp;

    if (!f)
        return;
    *fp = NULL;
    folders_clear(f);
    free(f->own);
    free(f->own_id);
    free(f->own_new);
    free(f);
}

static struct sched_folders *folders_of(struct sched_user *u)
{
    if (!u->folders) {
        u->folders = gw_new(struct sched_folders);
        u->folders->hold_end = GW_NEVER;
        u->folders->own = gw_str_dup(GW_STR(""));
    }
    return u->folders;
}

static int by_id(const void *a, const void *b)
{
    const struct folder *x = a, *y = b;

    return strcmp(x->id, y->id);
}

static void folders_add(struct sched_folders *f, struct gw_str id, struct gw_str name)
{
    f->folder = gw_realloc(f->folder, f->count + 1, sizeof(*f->folder));
    f->folder[f->count++] = (struct folder){ gw_str_dup(id), gw_str_dup(name), false };
    qsort(f->folder, f->count, sizeof(*f->folder), by_id);
}

static bool is_wanted(const struct sched_user *u)
{
    return u->fields & GW_ITEM_CALENDAR;
}

/* NULL: none count, be it that some are known from before a restart. */
static const struct sched_folders *wanted_of(const struct sched_user *u)
{
    return is_wanted(u) ? u->folders : NULL;
}

static uint32_t mix(uint32_t mark, const char *text)
{
    const uint64_t both[] = { mark, gw_hash_stable(gw_str_of(text)) };
    uint64_t hash = gw_hash_stable((struct gw_str){ (const char *)both, sizeof(both) });

    return (uint32_t)(hash ^ hash >> 32) | 1;
}

uint32_t sched_read_mark(const struct sched_user *u)
{
    const struct sched_folders *f = wanted_of(u);
    uint32_t mark = u->mark;

    if (!f)
        return mark;
    mark = mix(mark, f->own);
    for (size_t i = 0; i < f->count; i++)
        mark = mix(mix(mark, f->folder[i].id), f->folder[i].name);
    return mark;
}

uint32_t sched_folders_mark(const struct sched_user *u)
{
    const struct sched_folders *f = wanted_of(u);
    uint32_t mark = 0;

    for (size_t i = 0; f && i < f->count; i++)
        if (!f->folder[i].is_refused)
            mark = mix(mark, f->folder[i].id);
    return f && mark == f->refused ? 0 : mark;
}

size_t sched_folders_to_subscribe(const struct sched_user *u, struct gw_str out[EWS_FOLDERS_MAX])
{
    const struct sched_folders *f = u->folders;
    size_t count = 0;

    if (!sched_folders_mark(u))
        return 0;
    for (size_t i = 0; i < f->count; i++)
        if (!f->folder[i].is_refused)
            out[count++] = gw_str_of(f->folder[i].id);
    return count;
}

size_t sched_folders_to_read(const struct sched_user *u, struct gw_str out[EWS_FOLDERS_MAX])
{
    const struct sched_folders *f = wanted_of(u);

    for (size_t i = 0; f && i < f->count; i++)
        out[i] = gw_str_of(f->folder[i].id);
    return f ? f->count : 0;
}

struct gw_str sched_folder_name(const struct sched_user *u, size_t calendar)
{
    const struct sched_folders *f = wanted_of(u);

    if (!f)
        return GW_STR("");
    return gw_str_of(calendar ? f->folder[calendar - 1].name : f->own);
}

void sched_folders_count(const struct sched_user *u, struct sched_further_view *out)
{
    const struct sched_folders *f = wanted_of(u);

    *out = (struct sched_further_view){ 0 };
    if (!f)
        return;
    out->all = (unsigned)f->count;
    out->left = f->left;
    out->is_cut = f->is_cut;
    for (size_t i = 0; i < f->count; i++)
        out->refused += f->folder[i].is_refused;
}

/* ---- who waits for it ---- */

bool sched_folders_awaited(const struct sched *s, const struct sched_user *u)
{
    return is_wanted(u) && u->folders->found_for != u->mark && !u->job[SCHED_FOLDERS].tries &&
           s->now.mono < u->folders->hold_end;
}

bool sched_folders_may_begin(struct sched *s, struct sched_job *job)
{
    struct sched_user *u = sched_job_user(job);
    struct sched_job *folders = &u->job[SCHED_FOLDERS];
    gw_time wanted_by = job->wanted_by;

    if ((job->kind != SCHED_READ && job->kind != SCHED_SUBSCRIBE) || !sched_folders_awaited(s, u))
        return true;
    if (u->folders->hold_end == GW_NEVER)
        u->folders->hold_end = gw_time_after(s->now.mono, HOLD_MAX_MS);
    if (job->kind == SCHED_READ)
        u->folders->holds_read = true;
    else
        u->folders->holds_subscribe = true;
    sched_job_delay(s, job, gw_time_after(s->now.mono, HELD_MS), wanted_by);
    if (folders->state != SCHED_JOB_RUNNING)
        sched_job_want(s, folders, s->now.mono, wanted_by);
    return false;
}

static void let_go(struct sched *s, struct sched_job *job, bool *is_held)
{
    if (*is_held && job->state == SCHED_JOB_DELAYED && !job->tries)
        sched_job_want(s, job, s->now.mono, job->wanted_by);
    *is_held = false;
}

static void release(struct sched *s, struct sched_user *u)
{
    if (!u->folders)
        return;
    let_go(s, &u->job[SCHED_READ], &u->folders->holds_read);
    let_go(s, &u->job[SCHED_SUBSCRIBE], &u->folders->holds_subscribe);
}

gw_time sched_folders_next(const struct sched *s, const struct sched_user *u)
{
    return sched_turn_next(s, u, sched_minutes(s, s->settings.cross_check_min));
}

static void look_soon(struct sched *s, struct sched_user *u)
{
    gw_time at = gw_time_after(s->now.mono, TOLD_MS);
    gw_time apart = gw_time_after(u->folders->found_at, LOOKS_APART_MS);

    at = at > apart ? at : apart;
    sched_job_hasten(s, &u->job[SCHED_FOLDERS], at, at);
}

void sched_folders_told(struct sched *s, struct sched_user *u)
{
    if (is_wanted(u))
        look_soon(s, u);
}

void sched_folders_follow(struct sched *s, struct sched_user *u)
{
    struct sched_job *job = &u->job[SCHED_FOLDERS];

    if (!is_wanted(u)) {
        release(s, u);
        sched_job_cancel(s, job);
        sched_error_clear(s, u, SCHED_FOLDERS);
        sched_folders_free(&u->folders);
    } else if (folders_of(u)->found_for != u->mark) {
        job->tries = 0;
        u->folders->hold_end = GW_NEVER;
        sched_job_want(s, job, s->now.mono, sched_wanted_calmly(s, u));
    } else if (job->state == SCHED_JOB_IDLE) { /* as they were before a restart */
        sched_job_want(s, job, sched_folders_next(s, u), sched_folders_next(s, u));
    }
    sched_sub_folders_changed(s, u);
}

/* ---- asking ---- */

void sched_folders_begin(const struct sched_user *u, struct ews_request *r)
{
    const struct sched_folders *f = u->folders;

    r->op = f->own_id ? EWS_OP_FIND_FOLDER : EWS_OP_GET_FOLDER;
    r->own_folder = gw_str_of(f->own_id ? f->own_id : "");
}

static void steps_forget(struct sched_folders *f)
{
    free(f->own_id);
    free(f->own_new);
    f->own_id = f->own_new = NULL;
}

/* Sets the new list; what is known of folders that stay is kept. */
static void take(struct sched *s, struct sched_user *u, const struct ews_answer *a)
{
    struct sched_folders *f = u->folders, old = *f;

    f->folder = NULL;
    f->count = 0;
    f->left = 0;
    f->is_cut = a->folders_cut;
    for (size_t i = 0; i < a->folder_count; i++) {
        const struct ews_folder *found = &a->folders[i];

        if (!found->name.len || !s->callbacks.looks_at ||
            !s->callbacks.looks_at(sched_user_name(u), found->name, s->callbacks.ctx))
            continue;
        if (f->count < EWS_FOLDERS_MAX)
            folders_add(f, found->id, found->name);
        else
            f->left++;
    }
    for (size_t i = 0; i < f->count; i++) {
        const struct folder *was =
            old.count ? bsearch(&f->folder[i], old.folder, old.count, sizeof(*was), by_id) : NULL;

        f->folder[i].is_refused = was && was->is_refused;
    }
    folders_clear(&old);
    free(f->own);
    f->own = f->own_new;
    f->own_new = NULL;
    steps_forget(f);
    if (f->left && f->left != old.left)
        gw_warn("sched", "calendars left out user='%.*s' count=%u: rules look at more than %d",
                GW_STR_ARG(sched_user_name(u)), f->left, EWS_FOLDERS_MAX);
    if (f->is_cut && !old.is_cut)
        gw_warn("sched", "calendars left out user='%.*s': the mailbox has more than are looked for",
                GW_STR_ARG(sched_user_name(u)));
}

/* All of them are known, read, and subscribed to. */
static bool is_fine(const struct sched_user *u)
{
    const struct sched_folders *f = u->folders;

    for (size_t i = 0; i < f->count; i++)
        if (f->folder[i].is_refused)
            return false;
    return !f->refused && !u->job[SCHED_FOLDERS].tries;
}

static void found(struct sched *s, struct sched_user *u, const struct ews_answer *a)
{
    struct sched_folders *f = u->folders;
    struct sched_job *job = &u->job[SCHED_FOLDERS];
    uint32_t mark = sched_read_mark(u), found_for = f->found_for;

    take(s, u, a);
    f->found_for = u->mark;
    f->found_at = s->now.mono;
    if (s->now.mono - f->refused_at >= sched_minutes(s, REFUSED_MIN))
        f->refused = 0;
    job->tries = 0;
    if (is_fine(u))
        sched_error_clear(s, u, SCHED_FOLDERS);
    if (mark != sched_read_mark(u) || found_for != f->found_for)
        sched_data_save(s, u);
    sched_job_want(s, job, sched_folders_next(s, u), sched_folders_next(s, u));
    release(s, u);
    sched_read_for_want(s, u);
    sched_sub_folders_changed(s, u);
}

void sched_folders_answered(struct sched *s, struct sched_job *job, const struct sched_call *call,
                            const struct ews_answer *answer)
{
    struct sched_user *u = sched_job_user(job);
    struct sched_folders *f = u->folders;
    bool again = job->again;

    job->again = false;
    if (call->op == EWS_OP_GET_FOLDER) {
        f->own_id = gw_str_dup(answer->folders[0].id);
        f->own_new = gw_str_dup(answer->folders[0].name);
        sched_job_queue(s, job);
    } else if (call->mark != u->mark) { /* other things are wanted since it was asked for */
        steps_forget(f);
        sched_job_queue(s, job);
    } else {
        found(s, u, answer);
        if (again) /* it may be old already; but where it is told without end, there is no newer */
            look_soon(s, u);
    }
}

void sched_folders_failed(struct sched *s, struct sched_user *u)
{
    if (!u->folders)
        return;
    steps_forget(u->folders);
    release(s, u);
}

/* ---- one that is not as the others ---- */

/* It will not be otherwise when it is tried again soon. */
static bool is_lasting(const struct ews_status *status)
{
    return sched_rule_of(status->class)->action == SCHED_ACTION_SLOW;
}

bool sched_folders_refused(struct sched *s, struct sched_job *job, const struct ews_status *status)
{
    struct sched_user *u = sched_job_user(job);
    struct sched_folders *f = u->folders;

    if (!f || !u->sub.pending_folders || !status->alive || status->class == EWS_PERMISSION ||
        sched_rule_effect(status) != SCHED_EFFECT_ALIVE ||
        (!is_lasting(status) && job->tries < TRIES_MAX))
        return false;
    f->refused = u->sub.pending_folders;
    f->refused_at = s->now.mono;
    sched_error_set(s, u, SCHED_FOLDERS, status);
    sched_sub_without_folders(s, u);
    look_soon(s, u);
    return true;
}

bool sched_folders_read(struct sched *s, struct sched_job *job, const struct ews_calendar *c)
{
    struct sched_user *u = sched_job_user(job);
    struct sched_folders *f = is_wanted(u) ? u->folders : NULL;
    const struct ews_status *bad = NULL;
    bool is_news = false;

    for (size_t i = 0; f && i < f->count; i++)
        if (c[i].status.class != EWS_OK && !f->folder[i].is_refused && !is_lasting(&c[i].status) &&
            job->tries < TRIES_MAX) {
            sched_job_failed(s, job, &c[i].status);
            return false;
        }
    for (size_t i = 0; f && i < f->count; i++) {
        bool is_bad = c[i].status.class != EWS_OK;

        bad = is_bad ? &c[i].status : bad;
        is_news = is_news || (is_bad && !f->folder[i].is_refused);
        f->folder[i].is_refused = is_bad;
    }
    if (bad)
        sched_error_set(s, u, SCHED_FOLDERS, bad);
    else if (f && is_fine(u))
        sched_error_clear(s, u, SCHED_FOLDERS);
    if (is_news)
        look_soon(s, u);
    if (f)
        sched_sub_folders_changed(s, u);
    return true;
}

/* ---- records ---- */

void sched_folders_save(const struct sched_user *u, struct sched_cal_record *r)
{
    const struct sched_folders *f = u->folders;

    if (!f || !f->found_for)
        return;
    r->found_for = f->found_for;
    r->own = gw_str_of(f->own);
    r->left = f->left;
    r->is_cut = f->is_cut;
    for (size_t i = 0; i < f->count; i++)
        r->folder[r->folder_count++] =
            (struct ews_folder){ gw_str_of(f->folder[i].id), gw_str_of(f->folder[i].name) };
}

static void list_restore(struct sched_user *u, const struct sched_cal_record *r)
{
    struct sched_folders *f = folders_of(u);

    f->found_for = r->found_for;
    free(f->own);
    f->own = gw_str_dup(r->own);
    f->left = r->left;
    f->is_cut = r->is_cut;
    for (size_t i = 0; i < r->folder_count; i++)
        folders_add(f, r->folder[i].id, r->folder[i].name);
}

/* What is wanted may be known, or become so later: it decides. */
void sched_folders_restore(struct sched *s, struct sched_user *u, const struct sched_cal_record *r)
{
    sched_folders_free(&u->folders);
    if (r->found_for)
        list_restore(u, r);
    if (!u->want_is_known)
        return;
    sched_job_cancel(s, &u->job[SCHED_FOLDERS]);
    sched_folders_follow(s, u);
}
