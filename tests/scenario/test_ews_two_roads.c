/* Two roads to the same calendar: FindItem, as the impersonated user sees it, and GetUserAvailability,
 * as anybody does, must give the same intervals. Random calendars of many zones - short and long
 * items, whole days, series over the changes of daylight saving - in random windows, asked of the mock
 * in every version that it can be, without a socket.
 *
 *   KALENDS_ROADS_SEED=N KALENDS_ROADS_ROUNDS=N test_ews_two_roads     for a longer run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews_codec.h"
#include "mock_place.h"
#include "mock_service.h"
#include "mock_zone_named.h"

enum { ROUNDS = 40, WINDOWS = 12, ITEMS_MAX = 60, SLOT_MS = 5 * GW_MINUTE_MS };

static const char *const zone_names[] = {
    "UTC",          "Europe/Berlin",       "America/New_York",
    "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo",
    "Pacific/Apia", "Africa/Casablanca"
};
enum { ZONES = sizeof(zone_names) / sizeof(zone_names[0]) };

static const char *const products[] = { "2007", "2010", "2013", "2016", "2019", "SE" };

static struct {
    uint64_t random;
    uint64_t seed;
    struct mock_org *org;
    struct mock_subs *subs;
    struct mock_site *site;
    struct mock_streams *streams;
    struct mock_service service;
    struct mock_mailbox *mailbox;
    struct mock_zone_named zone[ZONES];
    struct gw_now now;
    bool digits; /* compare with the merged view: what its digits above 3 mean is not settled */
    unsigned compared, intervals;
} t;

/* xorshift64*: the same everywhere. */
static uint64_t roll(uint64_t below)
{
    t.random ^= t.random >> 12;
    t.random ^= t.random << 25;
    t.random ^= t.random >> 27;
    return t.random * UINT64_C(2685821657736338717) % below;
}

static int64_t roll_in(int64_t from, int64_t to)
{
    return from + (int64_t)roll((uint64_t)(to - from + 1));
}

/* ---- calendars -------------------------------------------------------------------------------- */

static const struct mock_item *add(const struct mock_item_data *data,
                                   const struct mock_recurrence *recurrence)
{
    const struct mock_item *item;
    struct gw_err err;

    if (mock_item_add(t.org, t.mailbox, data, recurrence, t.now, &item, &err))
        fail_msg("%s", err.msg);
    return item;
}

/* A local time of that day, 2026-01-01 being 0, in UTC. */
static gw_utc local(const struct mock_zone_named *zone, int64_t day, int64_t minute)
{
    static const struct gw_civil new_year = { 2026, 1, 1, 0, 0, 0, 0, 0 };
    gw_utc wall = gw_civil_to_utc(&new_year) + day * GW_DAY_MS + minute * GW_MINUTE_MS;

    return mock_zone_to_utc(mock_zone_at(zone, wall), wall);
}

static struct mock_item_data any_item(void)
{
    static const enum gw_busy told_apart[] = { GW_BUSY_FREE, GW_BUSY_TENTATIVE, GW_BUSY_BUSY,
                                               GW_BUSY_OOF };

    return (struct mock_item_data){ .busy = t.digits ? told_apart[roll(4)]
                                                     : (enum gw_busy)roll(GW_BUSY_OOF + 1),
                                    .sensitivity = (enum mock_sensitivity)roll(4),
                                    .response = (enum mock_response)roll(6),
                                    .meeting = roll(2) };
}

static void add_short(const struct mock_zone_named *zone)
{
    struct mock_item_data d = any_item();
    int64_t day = roll_in(0, 364), minute = roll_in(0, 287) * 5;

    d.start = local(zone, day, minute);
    d.end = d.start + roll_in(0, 60) * SLOT_MS;
    (void)add(&d, NULL);
}

static void add_days(const struct mock_zone_named *zone)
{
    struct mock_item_data d = any_item();
    int64_t day = roll_in(0, 364);

    d.all_day = true;
    d.start = local(zone, day, 0);
    d.end = local(zone, day + roll_in(1, 15), 0);
    (void)add(&d, NULL);
}

static struct mock_recur any_pattern(int64_t first_day)
{
    return (struct mock_recur){ .pattern = (enum mock_pattern)roll(MOCK_YEARLY_RELATIVE + 1),
                                .interval = (int)roll_in(1, 3),
                                .weekdays = (unsigned)roll_in(1, 127),
                                .first_weekday = (int)roll(7),
                                .day = (int)roll_in(1, 31),
                                .order = (int)roll_in(1, MOCK_RECUR_ORDER_LAST),
                                .month = (int)roll_in(1, 12),
                                .count = roll(2) ? (unsigned)roll_in(1, 40) : 0,
                                .first_day = first_day,
                                .last_day =
                                    roll(2) ? first_day + roll_in(1500, 1800) : MOCK_NO_DAY };
}

/* At the same local time throughout the year, with days that are deleted or otherwise. */
static void add_series(const struct mock_zone_named *zone)
{
    struct mock_item_data d = any_item();
    int64_t day = roll_in(0, 300);
    struct mock_recurrence recurrence = { .zone = zone };
    const struct mock_item *master;

    d.start = local(zone, day, roll_in(0, 287) * 5);
    d.end = d.start + roll_in(1, 36) * SLOT_MS;
    recurrence.recur = any_pattern(mock_zone_named_to_local(zone, d.start) / GW_DAY_MS);
    master = add(&d, &recurrence);
    day = master->series->recur.first_day;
    for (int64_t n = roll_in(0, 6); n > 0; n--) {
        struct mock_item one;

        day = mock_recur_next(&master->series->recur, day + roll_in(0, 20));
        if (day == MOCK_NO_DAY || !mock_item_occurrence(master, day, &one))
            break;
        if (roll(2)) {
            mock_item_delete(t.org, &one, false, t.now);
            continue;
        }
        one.data.start += roll_in(-48, 48) * SLOT_MS;
        one.data.end = one.data.start + roll_in(0, 40) * SLOT_MS;
        assert_int_equal(mock_item_change(t.org, &one, &one.data, NULL, t.now, NULL), GW_OK);
    }
}

static void fill_calendar(void)
{
    static void (*const kind[])(const struct mock_zone_named *) = { add_short, add_days,
                                                                    add_series };
    struct mock_mailbox_args args = { .address = GW_STR_INIT("ann@x.example") };
    struct gw_err err;

    if (t.mailbox)
        mock_mailbox_remove(t.org, t.mailbox);
    assert_int_equal(mock_mailbox_add(t.org, &args, &t.mailbox, &err), GW_OK);
    for (int64_t n = roll_in(0, ITEMS_MAX); n > 0; n--)
        kind[roll(3)](&t.zone[roll(ZONES)]);
}

/* ---- roads ------------------------------------------------------------------------------------ */

static void travel(const struct ews_request *r, const struct ews_dialect *dialect,
                   struct gw_arena *arena, struct ews_answer *out)
{
    struct mock_request request = { .account = mock_account_find(t.org, GW_STR("svc")),
                                    .site = t.site };
    struct mock_served served;
    struct ews_http http = { .now = t.now.utc };
    struct gw_buf sent, answer;
    struct gw_err err = { GW_OK, "" };

    gw_buf_init(&sent, EWS_REQUEST_MAX);
    gw_buf_init(&answer, MOCK_ANSWER_MAX);
    if (ews_request_write(r, dialect, &sent, &err))
        fail_msg("%s", err.msg);
    request.body = gw_buf_str(&sent);
    mock_service_serve(&t.service, &request, t.now, &answer, &served);
    http.status = served.status;
    http.body = gw_buf_str(&answer);
    ews_answer_parse(r, &http, arena, out);
    if (out->status.class || out->calendar_count != 1 || out->calendars->status.class ||
        out->calendars->truncated || out->dropped)
        fail_msg("seed %llu, %s, %s: %s", (unsigned long long)t.seed, t.service.product->name,
                 ews_op_name(r->op), out->status.text);
    gw_buf_done(&sent);
    gw_buf_done(&answer);
}

static bool says_something(const struct gw_interval *i)
{
    return i->busy != GW_BUSY_FREE && i->busy != GW_BUSY_NODATA;
}

/* What is in the window and takes time, as far as both roads can tell. */
static size_t common(const struct ews_calendar *c, gw_utc from, gw_utc to, struct gw_interval *out)
{
    size_t count = 0;

    for (size_t i = 0; i < c->count; i++) {
        struct gw_interval v = c->intervals[i];

        v.flags = 0;
        v.start = v.start < from ? from : v.start;
        v.end = v.end > to ? to : v.end;
        if (says_something(&v) && v.start < v.end)
            out[count++] = v;
    }
    return gw_intervals_normalise(out, count);
}

enum { CALENDAR_MAX = 2000 };

/* The strongest of what covers the slot. */
static enum gw_busy strongest(const struct gw_interval *v, size_t count, gw_utc from, gw_utc to)
{
    enum gw_busy busy = GW_BUSY_NODATA;

    for (size_t i = 0; i < count; i++)
        if (v[i].start < to && v[i].end > from && v[i].busy > busy)
            busy = (enum gw_busy)v[i].busy;
    return busy;
}

static void compare_slots(const struct gw_interval *a, size_t a_count, const struct gw_interval *b,
                          size_t b_count, gw_utc from, gw_utc to)
{
    for (gw_utc at = from; at < to; at += SLOT_MS) {
        enum gw_busy x = strongest(a, a_count, at, at + SLOT_MS);
        enum gw_busy y = strongest(b, b_count, at, at + SLOT_MS);
        char text[GW_UTC_TEXT_MAX];

        if (x != y)
            fail_msg("seed %llu, %s at %s: %s by FindItem, %s by digits",
                     (unsigned long long)t.seed, t.service.product->name, gw_utc_text(at, text),
                     gw_busy_name(x), gw_busy_name(y));
    }
}

static void compare(gw_utc from, gw_utc to, const struct ews_dialect *dialect)
{
    static const struct gw_str mailbox = GW_STR_INIT("ann@x.example");
    static struct gw_interval a[CALENDAR_MAX], b[CALENDAR_MAX];
    struct ews_request r = { .op = EWS_OP_FIND_ITEM,
                             .mailbox = mailbox,
                             .mailboxes = &mailbox,
                             .mailbox_count = 1,
                             .from = from,
                             .to = to };
    size_t a_count, b_count;
    struct gw_arena arena;
    struct ews_answer answer;

    gw_arena_init(&arena, 2 * (size_t)EWS_ANSWER_ARENA);
    travel(&r, dialect, &arena, &answer);
    assert_true(answer.calendars->count <= CALENDAR_MAX);
    a_count = common(answer.calendars, from, to, a);
    r.op = EWS_OP_AVAILABILITY;
    travel(&r, dialect, &arena, &answer);
    assert_true(answer.calendars->count <= CALENDAR_MAX);
    b_count = common(answer.calendars, from, to, b);
    if (t.digits)
        compare_slots(a, a_count, b, b_count, from, to);
    else if (!gw_intervals_eq(a, a_count, b, b_count))
        fail_msg("seed %llu, %s, %s: %zu intervals and %zu", (unsigned long long)t.seed,
                 t.service.product->name, dialect->version, a_count, b_count);
    t.compared++;
    t.intervals += (unsigned)a_count;
    gw_arena_done(&arena);
}

/* Of whole slots; often over a change of daylight saving. */
static void any_window(gw_utc *from, gw_utc *to)
{
    static const int64_t change_day[] = { 66, 87, 93, 276, 297, 304 };
    int64_t day = roll(2) ? change_day[roll(6)] - 1 : roll_in(0, 330);

    *from = local(&t.zone[roll(ZONES)], day, roll_in(0, 287) * 5);
    *to = *from + roll_in(1, 40 * 288) * SLOT_MS;
}

/* As a client that has heard what the server is would ask it. */
static const struct ews_dialect *dialect_of(const struct mock_product *p)
{
    return ews_dialect_of_server(p->major, p->minor);
}

static void run_roads(void)
{
    struct mock_traits traits = mock_traits_usual;

    traits.sharing = t.digits ? MOCK_SHARING_MERGED : MOCK_SHARING_FREE_BUSY;
    fill_calendar();
    mock_mailbox_set_traits(t.mailbox, &traits);
    for (int i = 0; i < WINDOWS; i++) {
        gw_utc from, to;

        any_window(&from, &to);
        t.service.product =
            mock_product_find(gw_str_of(products[roll(sizeof(products) / sizeof(*products))]));
        compare(from, to, dialect_of(t.service.product));
    }
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    int64_t n;

    return text && gw_str_to_int(gw_str_of(text), 1, INT64_MAX, &n) ? (uint64_t)n : otherwise;
}

static void travel_rounds(void)
{
    uint64_t first = number_of("KALENDS_ROADS_SEED", 1);
    uint64_t rounds = number_of("KALENDS_ROADS_ROUNDS", ROUNDS);

    for (t.seed = first; t.seed < first + rounds; t.seed++) {
        t.random = t.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
        run_roads();
    }
    printf("%u windows, %u intervals\n", t.compared, t.intervals);
    assert_true(t.intervals > t.compared);
}

static void test_items_and_events(void **state)
{
    (void)state;
    travel_rounds();
}

/* Where only the digits are shown, they show the same to five minutes. */
static void test_items_and_digits(void **state)
{
    (void)state;
    t.digits = true;
    travel_rounds();
}

/* An answer does not change how a meeting shows, and availability does not tell of answers: the calendar's
 * own word is what counts on both roads. Whoever wants otherwise asks for answers, with a rule. */
static void test_declined_but_on_the_calendar(void **state)
{
    static const enum gw_busy kind[] = { GW_BUSY_FREE, GW_BUSY_TENTATIVE, GW_BUSY_BUSY,
                                         GW_BUSY_OOF };
    const gw_utc from = t.now.utc, to = from + GW_DAY_MS;
    struct mock_item_data d = { .meeting = true,
                                .response = MOCK_RESPONSE_DECLINE,
                                .start = from + GW_HOUR_MS,
                                .end = from + 2 * GW_HOUR_MS };
    struct mock_mailbox_args args = { .address = GW_STR_INIT("ann@x.example") };
    const struct ews_request r = { .op = EWS_OP_FIND_ITEM,
                                   .mailbox = args.address,
                                   .item_fields = GW_ITEM_RESPONSE,
                                   .from = from,
                                   .to = to };
    struct gw_err err;

    (void)state;
    t.service.product = mock_product_find(GW_STR("2016"));
    for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
        struct ews_answer answer;
        struct gw_arena arena;

        assert_int_equal(mock_mailbox_add(t.org, &args, &t.mailbox, &err), GW_OK);
        d.busy = kind[i];
        (void)add(&d, NULL);
        gw_arena_init(&arena, EWS_ANSWER_ARENA);
        travel(&r, dialect_of(t.service.product), &arena, &answer);
        assert_int_equal(answer.calendars->count, 1);
        assert_int_equal(answer.calendars->intervals->busy, kind[i]);
        assert_int_equal(answer.calendars->items->response, GW_RESPONSE_DECLINED);
        gw_arena_done(&arena);
        t.intervals = 0;
        compare(from, to, dialect_of(t.service.product));
        assert_int_equal(t.intervals, kind[i] != GW_BUSY_FREE);
        mock_mailbox_remove(t.org, t.mailbox);
    }
}

static int setup(void **state)
{
    static const struct mock_sender nobody;
    struct mock_subs_args subs = { .push = &nobody };
    struct mock_account_args account = { .name = GW_STR_INIT("svc"),
                                         .password = GW_STR_INIT("x"),
                                         .rights = MOCK_RIGHTS_ALL };
    struct gw_err err;

    (void)state;
    memset(&t, 0, sizeof(t));
    t.now = (struct gw_now){ .mono = 1000, .utc = 1795132800000 };
    t.org = mock_org_new();
    t.subs = mock_subs_new(&subs);
    t.site = mock_site_get(t.subs, "cas1");
    assert_int_equal(mock_account_put(t.org, &account, &err), GW_OK);
    t.service.places = mock_places_new();
    mock_service_defaults(&t.service);
    t.service.org = t.org;
    t.service.subs = t.subs;
    for (size_t i = 0; i < ZONES; i++)
        assert_true(mock_zone_find(gw_str_of(zone_names[i]), &t.zone[i]));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mock_subs_free(&t.subs);
    mock_places_free(&t.service.places);
    mock_org_free(&t.org);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_items_and_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_items_and_digits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_declined_but_on_the_calendar, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
