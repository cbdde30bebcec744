/* Random calendars, edits and faults on virtual time, against brute force.
 *
 * Always: what is shown is what follows from what is known, but for the spread and a second.
 * When all was quiet for the detection bound: what is known is what is true, one subscription each;
 * and from then on an edit is known within three seconds, a reply setting within its poll.
 *
 *   KALENDS_ORACLE_SEED=N KALENDS_ORACLE_ROUNDS=N test_scheduler_oracle    for a longer run */
#include "sched_sim.h"

enum {
    USERS = 24,
    SPREAD_S = 7,
    ROUNDS = 4,
    CHAOS_S = 50 * 60,
    /* Silence is noticed after 10 min, a retry may wait 10 min more, a refused account 15. */
    SETTLE_S = 35 * 60,
    CALM_S = 40 * 60,
    EDIT_BOUND_MS = 3000,
    POLL_BOUND_MS = 5 * GW_MINUTE_MS + 5000
};

/* ---- brute force ---- */

/* The guides' table by its strengths, written down a second time. */
static enum pres_calendar_kind brute_kind(const struct gw_interval *v, size_t count, gw_utc from,
                                          gw_utc to, const struct gw_oof *oof, gw_utc t)
{
    bool busy[6] = { false };

    if (oof && (oof->state == GW_OOF_ENABLED ||
                (oof->state == GW_OOF_SCHEDULED && t >= oof->start && t < oof->end)))
        return PRES_CAL_OOF;
    for (size_t i = 0; i < count; i++) {
        if (t >= v[i].start && t < v[i].end)
            busy[v[i].busy] = true;
    }
    if (busy[GW_BUSY_OOF])
        return PRES_CAL_AWAY;
    if (busy[GW_BUSY_BUSY])
        return PRES_CAL_MEETING;
    if (busy[GW_BUSY_ELSEWHERE])
        return PRES_CAL_ELSEWHERE;
    if (busy[GW_BUSY_TENTATIVE])
        return PRES_CAL_FREE;
    return t >= from && t < to ? PRES_CAL_FREE : PRES_CAL_NONE;
}

static bool same_items(const struct gw_interval *a, size_t a_count, const struct gw_interval *b,
                       size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (a[i].start != b[i].start || a[i].end != b[i].end || a[i].busy != b[i].busy)
            return false;
    }
    return true;
}

static bool knows_calendar(const struct sim_user *u, const struct sched_calendar *c)
{
    struct gw_interval truth[SIM_ITEMS];
    size_t n = 0;

    for (size_t i = 0; i < u->count; i++) {
        if (sim_overlaps(&u->item[i], c->from, c->to))
            truth[n++] = u->item[i];
    }
    n = gw_intervals_normalise(truth, n);
    return c->from < c->to && same_items(truth, n, c->intervals, c->count);
}

static bool knows_replies(const struct sim_user *u, const struct sched_calendar *c)
{
    return c->oof_known && c->oof.state == u->oof.state &&
           (u->oof.state != GW_OOF_SCHEDULED ||
            (c->oof.start == u->oof.start && c->oof.end == u->oof.end));
}

static void explain(struct sim *m, unsigned i, const char *what)
{
    struct sched_user_view v = sim_view(m, i);
    char now[GW_UTC_TEXT_MAX];

    print_message(
        "%s: user %u at %s shows %s, gateway %.*s, %s, error %s, next %s in %" PRId64 " ms\n", what,
        i, gw_utc_text(m->now.utc, now), pres_calendar_kind_name(m->user[i].shown.kind),
        GW_STR_ARG(v.gateway), sched_sub_state_name(v.sub_state), v.error ? v.error : "none",
        v.next_action ? v.next_action : "nothing", v.next_action_at - m->now.utc);
}

static void bound(struct sim *m, unsigned i, bool holds, gw_time *since, int64_t limit_ms,
                  int64_t *longest, const char *what)
{
    m->checks++;
    if (holds) {
        *since = 0;
        return;
    }
    if (!*since)
        *since = m->now.mono;
    if (m->now.mono - *since > *longest)
        *longest = m->now.mono - *since;
    if (m->now.mono - *since > limit_ms) {
        explain(m, i, what);
        m->check_failures++;
        *since = 0;
    }
}

static void check(struct sim *m, bool calm, gw_time behind[USERS])
{
    for (unsigned i = 0; i < USERS; i++) {
        struct sim_user *u = &m->user[i];
        struct sched_calendar c;
        enum pres_calendar_kind expected;

        if (!m->sched || !sched_user_calendar(m->sched, gw_str_of(u->name), &c))
            continue;
        expected =
            brute_kind(c.intervals, c.count, c.from, c.to, c.oof_known ? &c.oof : NULL, m->now.utc);
        bound(m, i, u->shown.kind == expected, &u->wrong_since, SPREAD_S * 1000 + 1000,
              &m->longest_wrong, "shown is not what is known");
        if (!calm)
            continue;
        bound(m, i, knows_calendar(u, &c), &u->behind_since, EDIT_BOUND_MS, &m->longest_behind,
              "calendar is not known");
        bound(m, i, knows_replies(u, &c), &behind[i], POLL_BOUND_MS, &m->longest_behind,
              "replies are not known");
    }
}

/* ---- what happens ---- */

static gw_utc some_minute(struct sim *m)
{
    gw_utc t = m->now.utc - m->now.utc % GW_MINUTE_MS;

    return t + ((int)sim_below(m, 60) - 15) * (gw_utc)GW_MINUTE_MS;
}

static void edit(struct sim *m)
{
    static const enum gw_busy kind[] = { GW_BUSY_FREE,      GW_BUSY_TENTATIVE, GW_BUSY_BUSY,
                                         GW_BUSY_ELSEWHERE, GW_BUSY_BUSY,      GW_BUSY_OOF };
    unsigned i = sim_below(m, USERS);
    struct sim_user *u = &m->user[i];
    gw_utc start = some_minute(m);

    if (u->count > SIM_ITEMS - 4 || (u->count && sim_below(m, 3) == 0)) {
        u->item[sim_below(m, (unsigned)u->count)] = u->item[u->count - 1]; /* deleted */
        u->count--;
        sim_touch(m, i);
    } else if (u->count && sim_below(m, 4) == 0) {
        struct gw_interval *v = &u->item[sim_below(m, (unsigned)u->count)]; /* moved */

        v->start += 10 * GW_MINUTE_MS;
        v->end += (1 + sim_below(m, 20)) * (gw_utc)GW_MINUTE_MS;
        v->end = v->end > v->start ? v->end : v->start + GW_MINUTE_MS;
        sim_touch(m, i);
    } else {
        sim_add(m, i, start, start + (1 + sim_below(m, 45)) * (gw_utc)GW_MINUTE_MS,
                kind[sim_below(m, 6)]);
    }
    if (sim_below(m, 4) == 0) /* back to back */
        sim_add(m, i, u->item[u->count ? u->count - 1 : 0].end, start + GW_HOUR_MS, GW_BUSY_BUSY);
    if (sim_below(m, 12) == 0) {
        u->oof.state = (enum gw_oof_state)sim_below(m, 3);
        u->oof.start = start;
        u->oof.end = start + (1 + sim_below(m, 30)) * (gw_utc)GW_MINUTE_MS;
    }
}

/* From here the spread counts anew. */
static void pardon(struct sim *m)
{
    for (unsigned i = 0; i < USERS; i++)
        m->user[i].wrong_since = 0;
}

static void restart(struct sim *m)
{
    sim_kill(m);
    sim_run(m, sim_below(m, 4) ? (int64_t)sim_below(m, 20000) : (int64_t)sim_below(m, 900000));
    sim_start_again(m);
    sim_run(m, 0);
    pardon(m);
}

static void gateway_fault(struct sim *m, struct sim_gateway *g)
{
    static const enum ews_class class[] = {
        EWS_TRANSIENT,  EWS_ELSEWHERE,         EWS_SERVER_DOWN,
        EWS_BAD_ANSWER, EWS_SUBSCRIPTION_GONE, EWS_CREDENTIALS
    };
    enum ews_class c;

    switch (sim_below(m, 7)) {
    case 0:
        g->up = !g->up;
        break;
    case 1:
        g->silent = !g->silent;
        break;
    case 2:
        g->cannot_post = !g->cannot_post;
        break;
    case 3:
        sim_forget_subs(m, g);
        break;
    case 4:
        g->throttled_until = m->now.mono + 1000 + sim_below(m, 300000);
        g->throttle_ms = sim_below(m, 2);
        g->told = false;
        break;
    case 5:
        c = class[sim_below(m, 6)];
        g->refuse[sim_below(m, 4)] = sim_status(c, ews_class_name(c), c < EWS_CREDENTIALS);
        break;
    default:
        g->latency_ms = 5 + sim_below(m, 2500);
        g->most = sim_below(m, 5);
        break;
    }
}

static void fault(struct sim *m)
{
    struct sim_gateway *g = &m->gateway[sim_below(m, (unsigned)m->gateways)];

    switch (sim_below(m, 10)) {
    case 0:
        m->lose_posts = !m->lose_posts;
        break;
    case 1:
        m->lose_subscribe_answers = !m->lose_subscribe_answers;
        break;
    case 2:
        restart(m);
        break;
    case 3: /* forward and back */
        m->now.utc += ((int64_t)sim_below(m, 120) - 60) * GW_MINUTE_MS;
        pardon(m);
        break;
    case 4:
        sched_gateway_remove(m->sched, gw_str_of(g->name), m->now);
        sched_gateway_put(m->sched, gw_str_of(g->name), m->now);
        break;
    case 5: { /* off and on again */
        unsigned i = sim_below(m, USERS);

        sched_user_remove(m->sched, sim_name(m, i));
        sim_enable(m, i);
        m->user[i].published = false;
        m->user[i].shown = (struct pres_calendar){ 0 };
        break;
    }
    default:
        gateway_fault(m, g);
        break;
    }
}

static void quiet(struct sim *m)
{
    m->lose_posts = m->lose_subscribe_answers = false;
    for (size_t i = 0; i < m->gateways; i++) {
        struct sim_gateway *g = &m->gateway[i];

        g->up = true;
        g->silent = g->cannot_post = false;
        g->throttled_until = 0;
        g->most = 0;
        g->latency_ms = 20 + sim_below(m, 200);
        memset(g->refuse, 0, sizeof(g->refuse));
    }
}

static void phase(struct sim *m, unsigned seconds, bool chaos, bool calm)
{
    gw_time behind[USERS] = { 0 };

    for (unsigned i = 0; i < USERS; i++)
        m->user[i].behind_since = 0;
    for (unsigned t = 0; t < seconds; t++) {
        if (sim_below(m, 12) == 0)
            edit(m);
        if (chaos && sim_below(m, 40) == 0)
            fault(m);
        sim_run(m, 1000);
        check(m, calm, behind);
    }
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    int64_t n;

    if (!text || !gw_str_to_int(gw_str_of(text), 1, UINT32_MAX, &n))
        return otherwise;
    return (unsigned)n;
}

static void round_of_faults(struct sim *m)
{
    phase(m, CHAOS_S, true, false);
    quiet(m);
    phase(m, SETTLE_S, false, false);
    for (unsigned i = 0; i < USERS; i++) {
        if (sim_view(m, i).sub_state != SCHED_SUB_LIVE || sim_subs_of(m, i) != 1 ||
            sim_view(m, i).mode == SCHED_MODE_POLL) {
            explain(m, i, "not one subscription");
            m->check_failures++;
        }
    }
    phase(m, CALM_S, false, true);
}

static void test_random_faults_against_brute_force(void **state)
{
    unsigned seed = from_environment("KALENDS_ORACLE_SEED", 1);
    unsigned rounds = from_environment("KALENDS_ORACLE_ROUNDS", ROUNDS);
    struct sim *m = sim_new(3, USERS);

    (void)state;
    m->random = seed * 0x9e3779b97f4a7c15u | 1;
    m->settings.spread_s = SPREAD_S;
    m->settings.status_frequency_min = 5;
    m->settings.oof_poll_min = 5;
    sched_settings_set(m->sched, &m->settings, m->now);
    sim_enable_all(m);
    for (unsigned i = 0; i < rounds && !m->check_failures; i++)
        round_of_faults(m);
    print_message("seed %u, %u rounds, %" PRIu64 " checks: %u wrong; longest shown late %" PRId64
                  " ms, known late %" PRId64 " ms\n",
                  seed, rounds, m->checks, m->check_failures, m->longest_wrong, m->longest_behind);
    assert_int_equal(m->check_failures, 0);
    sim_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_faults_against_brute_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
