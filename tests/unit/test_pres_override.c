/* Overrides: a model of a few lines lives through the same random days as the core, and both show the
 * same at every moment; then what one has to know by name. */
#include "pres_look.h"

enum { MIN = 60 * 1000, USERS = 4 };

/* ---- The model: what holds is said once more, without a word of the core's code ---- */

struct model_item {
    enum pres_calendar_kind kind;
    gw_utc since, until;
};

struct model {
    struct model_item item[8]; /* one after the other, gaps between; kind NONE: none */
    bool known;                /* Exchange has told of it */
    bool has_over;
    enum pres_calendar_kind over;
    enum pres_ends ends;
    gw_utc set_at, until;
    enum pres_show client;
};

static const struct model_item *model_item_at(const struct model *m, gw_utc t)
{
    for (size_t i = 0; i < sizeof(m->item) / sizeof(m->item[0]); i++) {
        if (m->item[i].kind && m->item[i].since <= t && t < m->item[i].until)
            return &m->item[i];
    }
    return NULL;
}

/* It is over for good once it is over. */
static void model_time_passes(struct model *m, gw_utc t)
{
    const struct model_item *item = model_item_at(m, t);

    if (!m->has_over || m->ends == PRES_ENDS_CLEARED)
        return;
    if (m->ends == PRES_ENDS_TIME || !m->known) {
        m->has_over = t < m->until;
    } else {
        m->has_over = item && item->since <= m->set_at;
        m->until = item ? item->until : 0;
    }
}

static enum pres_show model_shows(const struct model *m, gw_utc t)
{
    /* rows: the client, as enum pres_show; columns: the state, as enum pres_calendar_kind;
     * o offline, a available, w away, x extended away, b busy, d do not disturb */
    static const char *const rows[] = { "oooooooo", "aaabwwxd", "wwwwwwxd",
                                        "xxxxxxxd", "bbbbbbbd", "dddddddd" };
    static const char letters[] = "oawxbd";
    const struct model_item *item = m->known ? model_item_at(m, t) : NULL;
    enum pres_calendar_kind kind = !m->known ? PRES_CAL_NONE : item ? item->kind : PRES_CAL_FREE;

    if (m->has_over)
        kind = m->over;
    return (enum pres_show)(strchr(letters, rows[m->client][kind]) - letters);
}

/* ---- Both ---- */

struct life {
    struct look look;
    struct model model[USERS];
    struct pres_session *s[USERS];
    uint32_t seed;
};

static uint32_t dice(struct life *l, uint32_t sides)
{
    l->seed = l->seed * 1664525u + 1013904223u;
    return (l->seed >> 8) % sides;
}

static const char *jid_of(int user, char out[16])
{
    snprintf(out, 16, "u%d@x", user);
    return out;
}

static void publish(struct life *l, int user)
{
    const struct model *m = &l->model[user];
    const struct model_item *item = model_item_at(m, l->look.now.utc);
    struct pres_calendar c = { .kind = PRES_CAL_FREE, .until = GW_NEVER };
    char jid[16];

    if (!m->known)
        c.kind = PRES_CAL_NONE;
    else if (item)
        c = (struct pres_calendar){ .kind = item->kind,
                                    .since = item->since,
                                    .until = item->until,
                                    .item_since = item->since,
                                    .item_until = item->until };
    look_set(&l->look, jid_of(user, jid), &c);
}

static void new_day(struct life *l, struct model *m)
{
    static const enum pres_calendar_kind kinds[] = { PRES_CAL_NONE, PRES_CAL_MEETING, PRES_CAL_AWAY,
                                                     PRES_CAL_OOF, PRES_CAL_ELSEWHERE };
    gw_utc t = l->look.now.utc / MIN * MIN - 60 * MIN;

    for (size_t i = 0; i < sizeof(m->item) / sizeof(m->item[0]); i++) {
        m->item[i].kind = kinds[dice(l, 5)];
        m->item[i].since = t + (gw_utc)dice(l, 3) * 5 * MIN;
        m->item[i].until = m->item[i].since + (gw_utc)(1 + dice(l, 6)) * 5 * MIN;
        t = m->item[i].until;
    }
}

static void set_over(struct life *l, int user)
{
    struct model *m = &l->model[user];
    const struct model_item *item = m->known ? model_item_at(m, l->look.now.utc) : NULL;
    struct pres_override o = { .kind = (enum pres_calendar_kind)(PRES_CAL_FREE +
                                                                 dice(l, PRES_CAL_COUNT - 1)),
                               .ends = (enum pres_ends)dice(l, 3),
                               .until = l->look.now.utc + (gw_utc)dice(l, 40) * MIN - 2 * MIN };
    bool valid = o.ends == PRES_ENDS_CLEARED || (o.ends == PRES_ENDS_ITEM && item) ||
                 (o.ends == PRES_ENDS_TIME && o.until > l->look.now.utc);
    enum gw_code rc;
    char jid[16];

    rc = pres_override_set(l->look.core, gw_str_of(jid_of(user, jid)), &o, l->look.now, NULL, NULL,
                           NULL);
    assert_int_equal(rc, valid ? GW_OK : GW_INVALID);
    if (!valid)
        return;
    m->has_over = true;
    m->over = o.kind;
    m->ends = o.ends;
    m->set_at = l->look.now.utc;
    m->until = o.ends == PRES_ENDS_ITEM ? item->until : o.until;
}

static void clear_over(struct life *l, int user)
{
    struct model *m = &l->model[user];
    char jid[16];

    assert_int_equal(pres_override_clear(l->look.core, gw_str_of(jid_of(user, jid)), l->look.now,
                                         NULL, NULL, NULL),
                     m->has_over ? GW_OK : GW_NOTFOUND);
    m->has_over = false;
}

static void change_client(struct life *l, int user)
{
    struct model *m = &l->model[user];
    enum pres_show show = (enum pres_show)dice(l, PRES_DND + 1);

    look_say(&l->look, l->s[user], show, "");
    m->client = show;
}

static void restart(struct life *l)
{
    struct store *store = l->look.store;
    struct gw_now now = l->look.now;
    char jid[16];

    store_wait(store);
    for (int i = 0; i < USERS; i++)
        pres_session_free(&l->s[i], now);
    look_stop(&l->look);
    look_start(&l->look, store);
    l->look.now = now;
    l->look.settings.client_in_item = PRES_CALENDAR_WINS; /* the model knows no choices */
    pres_settings_apply(l->look.core, now);
    for (int i = 0; i < USERS; i++)
        look_user(&l->look, jid_of(i, jid));
    pres_core_load(l->look.core, NULL, NULL);
    store_wait(store);
    pres_tick(l->look.core, now);
    for (int i = 0; i < USERS; i++) {
        publish(l, i);
        l->s[i] = look_login(&l->look, l->look.plain, jid_of(i, jid));
        look_say(&l->look, l->s[i], l->model[i].client, "");
    }
}

static void check_all(struct life *l, const char *what)
{
    struct pres_user_view view;
    char jid[16];

    for (int i = 0; i < USERS; i++) {
        const struct model *m = &l->model[i];
        struct pres_override o;

        assert_true(pres_user_view(l->look.core, gw_str_of(jid_of(i, jid)), &view));
        if (view.composed.show != model_shows(m, l->look.now.utc) ||
            pres_override_get(l->look.core, gw_str_of(jid), &o) != m->has_over)
            fail_msg("after %s: user %d shows %s, model %s; override %d, model %d", what, i,
                     pres_show_name(view.composed.show),
                     pres_show_name(model_shows(m, l->look.now.utc)),
                     pres_override_get(l->look.core, gw_str_of(jid), &o), m->has_over);
    }
}

/* Due moments come as the gateway makes them: the calendar's at each minute, the core's by its
 * clock; then the model is asked. */
static void advance(struct life *l)
{
    gw_utc to = l->look.now.utc + (gw_utc)(1 + dice(l, 10)) * MIN;

    while (l->look.now.utc < to) {
        gw_utc minute = (l->look.now.utc / MIN + 1) * MIN, due = pres_due(l->look.core);

        l->look.now.utc = due < minute ? due : minute;
        assert_true(l->look.now.utc <= minute);
        for (int i = 0; i < USERS; i++) {
            publish(l, i);
            model_time_passes(&l->model[i], l->look.now.utc);
        }
        pres_tick(l->look.core, l->look.now);
        assert_true(pres_due(l->look.core) > l->look.now.utc);
    }
}

static void live(struct life *l, int steps)
{
    for (int step = 0; step < steps; step++) {
        int user = (int)dice(l, USERS);
        struct model *m = &l->model[user];

        switch (dice(l, 12)) {
        case 0:
        case 1:
            set_over(l, user);
            check_all(l, "an override");
            break;
        case 2:
            clear_over(l, user);
            check_all(l, "a clearing");
            break;
        case 3:
            change_client(l, user);
            check_all(l, "a client's word");
            break;
        case 4: /* the day is planned anew: items move, grow, go away while they run */
            new_day(l, m);
            publish(l, user);
            model_time_passes(m, l->look.now.utc);
            check_all(l, "another calendar");
            break;
        case 5: /* nothing is known any more, or again */
            m->known = !m->known;
            publish(l, user);
            model_time_passes(m, l->look.now.utc);
            check_all(l, "a known or unknown calendar");
            break;
        case 6:
            if (dice(l, 5) == 0) {
                restart(l);
                check_all(l, "a restart");
            }
            break;
        default:
            advance(l);
            check_all(l, "some time");
            break;
        }
    }
}

static void agrees_with_a_model(void **state)
{
    const char *rounds = getenv("KALENDS_LIVES");
    int lives = rounds ? atoi(rounds) : 30;

    (void)state;
    for (int n = 1; n <= lives; n++) {
        struct life l = { .seed = (uint32_t)n };
        struct gw_err err;
        struct store *store;

        assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &store, &err),
                         GW_OK);
        look_start(&l.look, store);
        l.look.now.utc = (gw_utc)1800000000 * 1000;
        for (int i = 0; i < USERS; i++)
            l.model[i] = (struct model){ .known = true, .client = PRES_AVAILABLE };
        restart(&l);
        live(&l, 400);
        for (int i = 0; i < USERS; i++)
            pres_session_free(&l.s[i], l.look.now);
        store_wait(store);
        look_stop(&l.look);
        store_close(&store);
    }
}

/* ---- By name ---- */

struct place {
    struct look look;
    struct pres_session *ann, *bob;
};

static void begin(struct place *p)
{
    look_start(&p->look, NULL);
    look_user(&p->look, "ann@x");
    look_user(&p->look, "bob@x");
    look_watch(&p->look, "ann@x", "bob@x");
    look_watch(&p->look, "ann@x", "fay@abroad");
    p->ann = look_login(&p->look, p->look.plain, "ann@x");
    p->bob = look_login(&p->look, p->look.plain, "bob@x");
    look_say(&p->look, p->bob, PRES_AVAILABLE, "");
    look_say(&p->look, p->ann, PRES_AVAILABLE, "");
}

static void finish(struct place *p)
{
    pres_session_free(&p->ann, p->look.now);
    pres_session_free(&p->bob, p->look.now);
    look_stop(&p->look);
}

static enum gw_code set(struct place *p, enum pres_calendar_kind kind, enum pres_ends ends,
                        gw_utc until, const char *text, struct gw_err *err)
{
    const struct pres_override o = {
        .kind = kind, .ends = ends, .until = until, .text = gw_str_of(text)
    };

    return pres_override_set(p->look.core, GW_STR("ann@x"), &o, p->look.now, NULL, NULL, err);
}

static void at(struct place *p, gw_utc t)
{
    p->look.now.utc = t;
    pres_tick(p->look.core, p->look.now);
}

#define BOB(p) look_sees(&(p)->look, "bob@x", "ann@x/r")
#define FAY(p) look_sees(&(p)->look, "fay@abroad", "ann@x/r")

/* Active for a while, then out of office again until the period ends. */
static void out_of_office_comes_back(void **state)
{
    struct pres_calendar oof = look_calendar(PRES_CAL_OOF), after = look_calendar(PRES_CAL_FREE);
    struct place p;

    (void)state;
    begin(&p);
    oof.item_until = oof.until = 5000;
    look_set(&p.look, "ann@x", &oof);
    assert_string_equal(BOB(&p), "extended-away out-of-office 'o-word'");
    assert_int_equal(set(&p, PRES_CAL_FREE, PRES_ENDS_TIME, 3000, "urgent call", NULL), GW_OK);
    assert_string_equal(BOB(&p), "available 'urgent call'");
    assert_int_equal(pres_due(p.look.core), 3000);
    at(&p, 2999);
    assert_string_equal(BOB(&p), "available 'urgent call'");
    at(&p, 3000);
    assert_string_equal(BOB(&p), "extended-away out-of-office 'o-word'");
    assert_int_equal(pres_due(p.look.core), GW_NEVER);
    at(&p, 5000);
    look_set(&p.look, "ann@x", &after);
    assert_string_equal(BOB(&p), "available");
    finish(&p);
}

/* The calendar moves on some seconds after the full minute: the item does not show once more. */
static void the_end_of_an_item_does_not_flicker(void **state)
{
    struct pres_calendar meeting = look_calendar(PRES_CAL_MEETING);
    const struct pres_calendar after = look_calendar(PRES_CAL_FREE);
    struct place p;

    (void)state;
    begin(&p);
    look_set(&p.look, "ann@x", &meeting);
    assert_int_equal(set(&p, PRES_CAL_FREE, PRES_ENDS_ITEM, 0, "", NULL), GW_OK);
    assert_string_equal(BOB(&p), "available");
    gw_buf_reset(&p.look.all);
    at(&p, 2030); /* it has ended at 2000 */
    look_set(&p.look, "ann@x", &after);
    assert_string_equal(BOB(&p), "available");
    assert_null(strstr(p.look.all.p, "bob@x"));
    assert_null(strstr(p.look.all.p, "meeting"));
    assert_int_equal(
        pres_override_clear(p.look.core, GW_STR("ann@x"), p.look.now, NULL, NULL, NULL),
        GW_NOTFOUND);
    finish(&p);
}

/* One's own word is seen at every level; until when, only where times are. */
static void levels_and_overrides(void **state)
{
    struct pres_calendar meeting = look_calendar(PRES_CAL_MEETING);
    struct place p;

    (void)state;
    begin(&p);
    look_set(&p.look, "ann@x", &meeting);
    assert_int_equal(set(&p, PRES_CAL_DND, PRES_ENDS_ITEM, 0, "no calls", NULL), GW_OK);
    assert_string_equal(FAY(&p),
                        "do-not-disturb do-not-disturb 'no calls' [do-not-disturb 1000-2000]");
    p.look.settings.privacy_federated = PRES_LEVEL_NOTHING;
    pres_settings_apply(p.look.core, p.look.now);
    assert_string_equal(FAY(&p), "do-not-disturb do-not-disturb 'no calls'");
    finish(&p);
}

/* The item is made longer, then nothing is known of the calendar but what comes next: the override
 * goes on until the end that was known last. */
static void an_unknown_calendar_leaves_the_known_end(void **state)
{
    struct pres_calendar meeting = look_calendar(PRES_CAL_MEETING), unknown = { .until = GW_NEVER };
    struct pres_override o;
    struct place p;

    (void)state;
    begin(&p);
    look_set(&p.look, "ann@x", &meeting);
    assert_int_equal(set(&p, PRES_CAL_DND, PRES_ENDS_ITEM, 0, "", NULL), GW_OK);
    meeting.item_until = meeting.until = 3000;
    look_set(&p.look, "ann@x", &meeting);
    assert_true(pres_override_get(p.look.core, GW_STR("ann@x"), &o));
    assert_int_equal(o.until, 3000);
    assert_int_equal(pres_due(p.look.core), GW_NEVER); /* the calendar will tell */
    unknown.ahead[0] = (struct pres_span){ PRES_CAL_MEETING, 5000, 6000 };
    unknown.ahead_count = 1;
    look_set(&p.look, "ann@x", &unknown);
    assert_int_equal(pres_due(p.look.core), 3000);
    at(&p, 2999);
    assert_string_equal(BOB(&p), "do-not-disturb do-not-disturb");
    at(&p, 3000);
    assert_string_equal(BOB(&p), "available");
    finish(&p);
}

/* What is asked of another moment: before it was set there was none, whatever there was before it. */
static void another_moment_is_without_it(void **state)
{
    static const struct {
        gw_utc at;
        bool has_override;
    } moment[] = { { 999, false }, { 1000, true }, { 2999, true }, { 3000, false } };
    const struct pres_calendar meeting = look_calendar(PRES_CAL_MEETING);
    struct pres_user_view view;
    struct place p;

    (void)state;
    begin(&p);
    assert_int_equal(set(&p, PRES_CAL_DND, PRES_ENDS_TIME, 3000, "", NULL), GW_OK);
    for (size_t i = 0; i < sizeof(moment) / sizeof(moment[0]); i++) {
        const struct pres_question q = { .at = moment[i].at, .calendar = &meeting };

        assert_true(pres_user_ask(p.look.core, GW_STR("ann@x"), &q, &view));
        assert_int_equal(view.has_override, moment[i].has_override);
        assert_int_equal(view.composed.show, view.has_override ? PRES_DND : PRES_AWAY);
    }
    /* Now is now, also when the clock was set back. */
    assert_true(
        pres_user_ask(p.look.core, GW_STR("ann@x"), &(struct pres_question){ .at = 10 }, &view));
    assert_true(view.has_override);
    finish(&p);
}

static void refuses_what_cannot_be(void **state)
{
    char text[PRES_TEXT_MAX + 1];
    const struct pres_calendar none = { .until = GW_NEVER };
    struct gw_err err;
    struct place p;

    (void)state;
    begin(&p);
    memset(text, 'x', PRES_TEXT_MAX);
    text[PRES_TEXT_MAX] = '\0';
    assert_int_equal(set(&p, PRES_CAL_NONE, PRES_ENDS_CLEARED, 0, "", &err), GW_INVALID);
    assert_int_equal(set(&p, PRES_CAL_COUNT, PRES_ENDS_CLEARED, 0, "", &err), GW_INVALID);
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_TIME, 1000, "", &err), GW_INVALID);
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_CLEARED, 0, text, &err), GW_INVALID);
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_CLEARED, 0, "a\nb", &err), GW_INVALID);
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_CLEARED, 0, "\xff", &err), GW_INVALID);
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_ITEM, 0, "", &err), GW_INVALID);
    assert_non_null(strstr(err.msg, "no calendar item runs"));
    look_set(&p.look, "ann@x", &none);
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_ITEM, 0, "", &err), GW_INVALID);
    assert_int_equal(pres_override_set(p.look.core, GW_STR("nobody@x"),
                                       &(struct pres_override){ .kind = PRES_CAL_AWAY }, p.look.now,
                                       NULL, NULL, &err),
                     GW_NOTFOUND);
    assert_string_equal(BOB(&p), "available");
    text[PRES_TEXT_MAX - 1] = '\0';
    assert_int_equal(set(&p, PRES_CAL_AWAY, PRES_ENDS_CLEARED, 0, text, &err), GW_OK);
    finish(&p);
}

/* Everybody's lunch ends at one: the loop gets to other things in between. */
static void many_at_once_end_in_turns(void **state)
{
    enum { MANY = 250 };
    const struct pres_override o = { .kind = PRES_CAL_AWAY, .ends = PRES_ENDS_TIME, .until = 9000 };
    struct pres_override view;
    size_t left = MANY, turns = 0;
    struct gw_str user;
    struct look l;
    char jid[16];

    (void)state;
    look_start(&l, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(jid, sizeof(jid), "u%d@x", i);
        look_user(&l, jid);
        assert_int_equal(pres_override_set(l.core, gw_str_of(jid), &o, l.now, NULL, NULL, NULL),
                         GW_OK);
    }
    l.now.utc = 9000;
    while (pres_due(l.core) <= l.now.utc) {
        size_t before = left, pos = 0;

        pres_tick(l.core, l.now);
        for (left = 0; pres_override_next(l.core, &pos, &user, &view);)
            left++;
        assert_true(left < before && before - left <= PRES_TICK_MAX);
        turns++;
    }
    assert_int_equal(left, 0);
    assert_true(turns == (MANY + PRES_TICK_MAX - 1) / PRES_TICK_MAX);
    look_stop(&l);
}

/* A user who goes takes the override along, in memory and in the store. */
static void goes_with_its_user(void **state)
{
    struct gw_str user;
    struct pres_override o;
    struct store *store;
    struct look l;
    size_t pos = 0;

    (void)state;
    assert_int_equal(store_open(&(struct store_args){ .path = ":memory:" }, &store, NULL), GW_OK);
    look_start(&l, store);
    look_user(&l, "ann@x");
    o = (struct pres_override){ .kind = PRES_CAL_AWAY, .ends = PRES_ENDS_TIME, .until = 9000 };
    assert_int_equal(pres_override_set(l.core, GW_STR("ann@x"), &o, l.now, NULL, NULL, NULL),
                     GW_OK);
    assert_true(pres_override_next(l.core, &pos, &user, &o));
    assert_false(pres_override_next(l.core, &pos, &user, &o));
    pres_user_remove(l.core, GW_STR("ann@x"), l.now);
    assert_int_equal(pres_due(l.core), GW_NEVER);
    look_user(&l, "ann@x");
    pres_core_load(l.core, NULL, NULL);
    store_wait(store);
    assert_false(pres_override_get(l.core, GW_STR("ann@x"), &o));
    look_stop(&l);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(out_of_office_comes_back),
        cmocka_unit_test(the_end_of_an_item_does_not_flicker),
        cmocka_unit_test(levels_and_overrides),
        cmocka_unit_test(an_unknown_calendar_leaves_the_known_end),
        cmocka_unit_test(another_moment_is_without_it),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(many_at_once_end_in_turns),
        cmocka_unit_test(goes_with_its_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
