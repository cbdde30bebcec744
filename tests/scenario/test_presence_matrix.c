/* Everything that decides about what a watcher sees, with everything: calendar, automatic reply, override,
 * client and what it said when, privacy and whose watcher it is, and who speaks for nobody. The bridge and
 * the core say one thing, a model of a few tables another: they agree in every combination. */
#include "../unit/pres_look.h"
#include "bridge.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { BEGINS = 2000, NOW = 2500, ENDS = 9000 };

/* ---- the factors */

static const struct {
    const char *name;
    bool known, outside;
    enum gw_busy busy; /* NODATA: no item */
    const char *row, *value;
    /* What it is, said once more. */
    enum pres_calendar_kind kind;
    const char *words, *full; /* without times; full NULL: the same */
} calendars[] = {
    { "never read", false, false, GW_BUSY_NODATA, NULL, NULL, PRES_CAL_NONE, "", NULL },
    { "nothing in it", true, false, GW_BUSY_NODATA, NULL, NULL, PRES_CAL_FREE, "", NULL },
    { "tentative", true, false, GW_BUSY_TENTATIVE, NULL, NULL, PRES_CAL_FREE, "", NULL },
    { "working elsewhere", true, false, GW_BUSY_ELSEWHERE, NULL, NULL, PRES_CAL_ELSEWHERE,
      "Working elsewhere", NULL },
    { "busy", true, false, GW_BUSY_BUSY, NULL, NULL, PRES_CAL_MEETING, "In a meeting", NULL },
    { "busy, other words", true, false, GW_BUSY_BUSY, "busy", "busy \"At the board\"",
      PRES_CAL_BUSY, "Busy", "At the board" },
    { "not to be disturbed", true, false, GW_BUSY_BUSY, "busy", "do-not-disturb", PRES_CAL_DND,
      "Do not disturb", NULL },
    { "out of office item", true, false, GW_BUSY_OOF, NULL, NULL, PRES_CAL_AWAY, "Away", NULL },
    { "outside working hours", true, true, GW_BUSY_NODATA, NULL, NULL, PRES_CAL_AWAY,
      "Outside working hours", NULL },
    { "busy, outside working hours", true, true, GW_BUSY_BUSY, NULL, NULL, PRES_CAL_MEETING,
      "In a meeting", NULL },
};

enum reply { REPLY_OFF, REPLY_ON, REPLY_HIDDEN, REPLIES };

static const struct {
    bool is_set;
    enum pres_calendar_kind kind;
    const char *text;
} overrides[] = {
    { false, PRES_CAL_NONE, "" },
    { true, PRES_CAL_FREE, "" },
    { true, PRES_CAL_MEETING, "A call" },
    { true, PRES_CAL_DND, "" },
};

static const struct {
    enum pres_show show;
    const char *text;
} clients[] = {
    { PRES_OFFLINE, "" }, /* none */
    { PRES_AVAILABLE, "" }, { PRES_AVAILABLE, "mine" }, { PRES_AWAY, "" }, { PRES_AWAY, "mine" },
    { PRES_XA, "" },        { PRES_BUSY, "mine" },      { PRES_DND, "" },  { PRES_DND, "mine" },
};

struct combination {
    size_t calendar, override, client;
    enum reply reply;
    bool during, wins, alone, own; /* said while the item ran; the parameters; whose watcher */
    enum pres_level level;
};

/* ---- the model */

struct word {
    enum pres_calendar_kind kind;
    const char *text;
};

static struct word model_calendar(const struct combination *c)
{
    static const char *const oof[] = { "Out of office", "Out of office: Ask Bob",
                                       "Out of office: Call us" };
    bool taken;
    struct word w;

    if (c->reply == REPLY_ON)
        w = (struct word){ PRES_CAL_OOF, oof[c->level != PRES_LEVEL_FULL ? 0 : c->own ? 1 : 2] };
    else
        w = (struct word){ calendars[c->calendar].kind,
                           c->level == PRES_LEVEL_FULL && calendars[c->calendar].full
                               ? calendars[c->calendar].full
                               : calendars[c->calendar].words };
    taken = w.kind != PRES_CAL_NONE && w.kind != PRES_CAL_FREE && w.kind != PRES_CAL_ELSEWHERE;
    if (c->level == PRES_LEVEL_NOTHING)
        w = (struct word){ PRES_CAL_NONE, "" };
    if (c->level == PRES_LEVEL_BUSY && w.kind != PRES_CAL_NONE)
        w = taken ? (struct word){ PRES_CAL_BUSY, "Busy" } : (struct word){ PRES_CAL_FREE, "" };
    return w;
}

static bool item_runs(const struct combination *c)
{
    return c->reply != REPLY_ON &&
           (calendars[c->calendar].outside || calendars[c->calendar].busy != GW_BUSY_NODATA);
}

static void model(const struct combination *c, char *out, size_t size)
{
    /* rows: clients by enum pres_show; columns: words by enum pres_calendar_kind. A capital is the
     * calendar's own show; o offline, a available, w away, x extended away, b busy, d do not disturb */
    static const char *const rows[] = { "oooooooo", "aaaBWWXD", "wwwwwwXD",
                                        "xxxxxxXD", "bbbbbbbD", "dddddddd" };
    static const char alone[] = "oAABWWXD", letters[] = "oawxbd", capitals[] = "OAWXBD";
    static const char *const own_words[] = {
        [PRES_CAL_FREE] = "", [PRES_CAL_DND] = "Do not disturb"
    };
    enum pres_show show = clients[c->client].show;
    const char *mine = clients[c->client].text, *text;
    bool over = overrides[c->override].is_set;
    struct word w = model_calendar(c);
    char letter;
    bool chosen = show > PRES_AVAILABLE || *mine;

    if (over)
        w = (struct word){ overrides[c->override].kind,
                           *overrides[c->override].text ? overrides[c->override].text
                                                        : own_words[overrides[c->override].kind] };
    letter = rows[show][w.kind];
    if (show == PRES_OFFLINE && c->alone)
        letter = alone[w.kind];
    else if (c->wins && c->during && chosen && !over && item_runs(c) && strchr(capitals, letter))
        letter = letters[show];
    if (show == PRES_DND)
        text = mine; /* nothing of a calendar beside it */
    else if (strchr(capitals, letter) || over)
        text = *w.text ? w.text : mine;
    else
        text = *mine ? mine : w.text;
    if (strchr(capitals, letter))
        snprintf(out, size, "%s %s",
                 pres_show_name((enum pres_show)(strchr(capitals, letter) - capitals)),
                 pres_calendar_kind_name(w.kind));
    else
        snprintf(out, size, "%s",
                 pres_show_name((enum pres_show)(strchr(letters, letter) - letters)));
    if (*text)
        snprintf(out + strlen(out), size - strlen(out), " '%s'", text);
}

/* ---- the rooms */

struct rooms {
    struct bridge_texts *texts;
    struct bridge_voice *voice;
    struct bridge_policy *policy[COUNT(calendars)];
};

static void rooms_start(struct rooms *r)
{
    r->texts = bridge_texts_new();
    for (int i = BRIDGE_TEXT_FREE_TIMED; i < BRIDGE_TEXTS; i += 2)
        (void)bridge_texts_set(r->texts, GW_STR("en"), (enum bridge_text)i,
                               &(struct gw_str){ "", 0 }, NULL);
    r->voice = bridge_voice_new(r->texts, GW_STR("en"), GW_STR("Etc/UTC"));
    for (size_t i = 0; i < COUNT(calendars); i++) {
        r->policy[i] = bridge_policy_new();
        if (calendars[i].row)
            assert_int_equal(bridge_policy_set(r->policy[i], gw_str_of(calendars[i].row),
                                               gw_str_of(calendars[i].value), NULL),
                             GW_OK);
    }
}

static void rooms_stop(struct rooms *r)
{
    for (size_t i = 0; i < COUNT(calendars); i++)
        bridge_policy_free(&r->policy[i]);
    bridge_voice_free(&r->voice);
    bridge_texts_free(&r->texts);
}

static void calendar_at(const struct rooms *r, const struct combination *c, gw_utc now,
                        struct pres_calendar *out)
{
    const struct gw_interval item = { BEGINS, ENDS, (unsigned char)calendars[c->calendar].busy, 0,
                                      0 },
                             outside = { BEGINS, ENDS, 0, 0, 0 };
    const struct gw_oof oof = { GW_OOF_SCHEDULED, BEGINS, ENDS };
    struct bridge_calendar in = { .intervals = &item,
                                  .count = calendars[c->calendar].busy != GW_BUSY_NODATA,
                                  .outside = &outside,
                                  .outside_count = calendars[c->calendar].outside,
                                  .from = 1,
                                  .to = calendars[c->calendar].known ? 100000 : 1,
                                  .oof = c->reply == REPLY_ON ? &oof : NULL,
                                  .reply_own = GW_STR("Ask Bob"),
                                  .reply_federated = GW_STR("Call us") };

    bridge_presence(&in, r->policy[c->calendar], r->voice, now, out, NULL);
}

static struct gw_str words(struct gw_str user, enum pres_calendar_kind kind, void *ctx)
{
    const struct rooms *r = ctx;

    (void)user;
    return bridge_voice_text(r->voice, bridge_text_of(kind));
}

static void privacy(struct look *l, const struct combination *c)
{
    struct pres_privacy_rule rule = { .class = c->own ? PRES_CLASS_OWN : PRES_CLASS_FEDERATED,
                                      .level = (int)c->level };

    assert_int_equal(pres_privacy_set(l->core, GW_STR("u@x"), &rule, l->now, NULL, NULL, NULL),
                     GW_OK);
}

/* Without what front-ends that show times get besides. */
static void seen(const struct look *l, const struct combination *c, char *out, size_t size)
{
    char *end;

    snprintf(out, size, "%s", look_sees(l, c->own ? "w@x" : "w@abroad", "u@x"));
    if (!*out) /* told of nothing */
        snprintf(out, size, "%s", pres_show_name(PRES_OFFLINE));
    if ((end = strstr(out, " [")) || (end = strstr(out, " {")))
        *end = '\0';
}

static void live(struct rooms *r, const struct combination *c, char *out, size_t size)
{
    struct pres_session *s[2] = { NULL };
    struct pres_calendar told;
    struct look l;

    look_start(&l, NULL);
    l.core->words = words;
    l.core->words_ctx = r;
    l.settings.without_client =
        c->alone ? PRES_WITHOUT_CLIENT_CALENDAR : PRES_WITHOUT_CLIENT_OFFLINE;
    l.settings.client_in_item = c->wins ? PRES_CLIENT_WINS : PRES_CALENDAR_WINS;
    pres_settings_apply(l.core, l.now);
    look_user(&l, "u@x");
    look_user(&l, "w@x");
    look_watch(&l, "u@x", "w@x");
    look_watch(&l, "u@x", "w@abroad");
    privacy(&l, c);
    s[0] = look_login(&l, l.plain, "w@x");
    look_say(&l, s[0], PRES_AVAILABLE, "");
    if (clients[c->client].show != PRES_OFFLINE) {
        s[1] = look_login(&l, l.plain, "u@x");
        look_say(&l, s[1], c->during ? PRES_AVAILABLE : clients[c->client].show,
                 c->during ? "" : clients[c->client].text);
    }
    l.now.utc = BEGINS;
    calendar_at(r, c, l.now.utc, &told);
    look_set(&l, "u@x", &told);
    l.now.utc = NOW;
    if (s[1] && c->during)
        look_say(&l, s[1], clients[c->client].show, clients[c->client].text);
    if (overrides[c->override].is_set)
        assert_int_equal(pres_override_set(l.core, GW_STR("u@x"),
                                           &(struct pres_override){
                                               .kind = overrides[c->override].kind,
                                               .text = gw_str_of(overrides[c->override].text),
                                               .ends = PRES_ENDS_CLEARED },
                                           l.now, NULL, NULL, NULL),
                         GW_OK);
    seen(&l, c, out, size);
    for (size_t i = 0; i < 2; i++)
        if (s[i])
            pres_session_free(&s[i], l.now);
    look_stop(&l);
}

static void describe(const struct combination *c)
{
    print_message("%s; reply %d; override %zu; client %s '%s' %s; %s%s watcher at level %s\n",
                  calendars[c->calendar].name, (int)c->reply, c->override,
                  pres_show_name(clients[c->client].show), clients[c->client].text,
                  c->during ? "during" : "before", c->alone ? "calendar speaks alone; " : "",
                  c->own ? "own" : "federated", pres_level_name(c->level));
}

/* Mixed radix: every digit is a factor. */
static bool combination_at(size_t n, struct combination *out)
{
    const size_t of[] = { COUNT(calendars), COUNT(overrides), COUNT(clients), REPLIES, 2, 2, 2, 2,
                          PRES_LEVEL_COUNT };
    size_t d[COUNT(of)];

    for (size_t i = 0; i < COUNT(of); i++) {
        d[i] = n % of[i];
        n /= of[i];
    }
    *out = (struct combination){ d[0],      d[1],      d[2],      (enum reply)d[3],     d[4] != 0,
                                 d[5] != 0, d[6] != 0, d[7] != 0, (enum pres_level)d[8] };
    return n == 0;
}

static void test_every_combination(void **state)
{
    struct combination c;
    struct rooms r;
    size_t count = 0;

    (void)state;
    rooms_start(&r);
    for (size_t n = 0; combination_at(n, &c); n++) {
        char expected[200], got[200];

        if (clients[c.client].show == PRES_OFFLINE ? c.during || c.wins : c.alone)
            continue; /* says nothing of who is not there, or is */
        model(&c, expected, sizeof(expected));
        live(&r, &c, got, sizeof(got));
        if (strcmp(expected, got) != 0)
            describe(&c);
        assert_string_equal(got, expected);
        count++;
    }
    print_message("%zu combinations\n", count);
    rooms_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_combination) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
