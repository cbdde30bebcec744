/* What one evaluation of the bridge costs: a calendar of ten items is looked at, told, and its items are
 * classified when they are read; with the default profile, with fifty rules and with working hours. CPU per
 * evaluation; nothing is asserted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge.h"
#include "gw_hours.h"

enum { ITEMS = 10, RULES = 50, ROUNDS = 200000 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct bench {
    struct bridge_policy *policy;
    struct bridge_voice *voice;
    const struct gw_hours *hours;
    struct gw_item item[ITEMS];
    struct gw_interval v[ITEMS], outside[GW_OUTSIDE_MAX];
    gw_utc from;
    uint64_t sum; /* so that nothing is left out */
};

static void calendar_of(struct bench *b, struct bridge_calendar *out)
{
    *out = (struct bridge_calendar){
        .intervals = b->v, .count = ITEMS, .from = b->from, .to = b->from + 5 * (gw_utc)GW_DAY_MS
    };
    if (!b->hours)
        return;
    out->outside = b->outside;
    out->outside_count = gw_hours_outside(b->hours, out->from, out->to, b->outside);
}

static gw_utc moment(const struct bench *b, int round)
{
    return b->from + round % 480 * (gw_utc)(15 * GW_MINUTE_MS);
}

static void look(struct bench *b, int round)
{
    struct bridge_calendar calendar;
    struct bridge_look out;

    calendar_of(b, &calendar);
    bridge_look(&calendar, b->policy, moment(b, round), &out);
    b->sum += bridge_look_mark(&calendar, &out);
}

static void tell(struct bench *b, int round)
{
    struct bridge_calendar calendar;
    struct pres_calendar out;

    calendar_of(b, &calendar);
    bridge_presence(&calendar, b->policy, b->voice, moment(b, round), &out, NULL);
    b->sum += (uint64_t)out.kind + strlen(out.text[PRES_WORDS_OWN]);
}

static void classify(struct bench *b, int round)
{
    struct gw_item *item = &b->item[round % ITEMS];

    b->v[round % ITEMS].tag = bridge_policy_tag(b->policy, item);
    b->sum += b->v[round % ITEMS].tag;
}

static void measure(struct bench *b, const char *what, void (*work)(struct bench *b, int round),
                    int rounds)
{
    double start = cpu_us();

    for (int i = 0; i < rounds; i++)
        work(b, i);
    printf("  %-44s %8.2f us\n", what, (cpu_us() - start) / rounds);
}

static void items_set(struct bench *b)
{
    for (int i = 0; i < ITEMS; i++) {
        gw_utc start =
            b->from + (i / 2) * (gw_utc)GW_DAY_MS + (8 + 4 * (i % 2)) * (gw_utc)GW_HOUR_MS;

        b->v[i] = (struct gw_interval){ .start = start,
                                        .end = start + 90 * (gw_utc)GW_MINUTE_MS,
                                        .busy = GW_BUSY_BUSY,
                                        .flags = GW_INTERVAL_MEETING };
        b->item[i] = (struct gw_item){ .interval = b->v[i],
                                       .attendees = 6,
                                       .subject = GW_STR("Weekly review of what is planned"),
                                       .location = GW_STR("Room 12, second floor"),
                                       .organiser = GW_STR("Bea Boss"),
                                       .organiser_address = GW_STR("bea@customer.example") };
    }
}

/* The last one matches. */
static void rules_add(struct bench *b)
{
    char name[16], rule[128];

    for (unsigned i = 1; i <= RULES; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        snprintf(rule, sizeof(rule),
                 i < RULES ? "subject ~ \"keyword %u\" and organiser ~ boss => away"
                           : "subject ~ planned => busy \"Plans until {end}\"",
                 i);
        if (bridge_policy_add_rule(b->policy, i, gw_str_of(name), gw_str_of(rule), NULL))
            abort();
    }
}

int main(void)
{
    static const struct gw_hours berlin = {
        .zone = { -60, { 0, 180, 0, 10, 5, 0 }, { -60, 120, 0, 3, 5, 0 } },
        .count = 1,
        .work = { { 0x3e, 540, 1020 } }
    };
    struct bridge_texts *texts = bridge_texts_new();
    struct bench b = { .policy = bridge_policy_new(),
                       .voice = bridge_voice_new(texts, GW_STR("en"), GW_STR("Europe/Berlin")),
                       .from = 1795996800000 };

    items_set(&b);
    printf("default profile, %d items in five days\n", ITEMS);
    measure(&b, "look (what a due moment costs)", look, ROUNDS);
    measure(&b, "look and tell (when something else shows)", tell, ROUNDS / 10);
    b.hours = &berlin;
    if (bridge_policy_set(b.policy, GW_STR("working-hours"), GW_STR("yes"), NULL))
        abort();
    measure(&b, "look, with working hours", look, ROUNDS / 10);
    b.hours = NULL;
    rules_add(&b);
    printf("%d rules, the last one matches\n", RULES);
    measure(&b, "classify an item (once, when it is read)", classify, ROUNDS / 10);
    measure(&b, "look", look, ROUNDS);
    measure(&b, "look and tell", tell, ROUNDS / 10);
    printf("(%llx)\n", (unsigned long long)b.sum);
    bridge_voice_free(&b.voice);
    bridge_policy_free(&b.policy);
    bridge_texts_free(&texts);
    return 0;
}
