/* Contact lists as an administrator changes them: what clients and contacts abroad are told, what is granted,
 * what is in the batch and what is not without it. */
#include <unistd.h>

#include "pres_contact.h"
#include "pres_steps.h"

struct fake {
    struct pres_settings settings;
    struct store *store;
    struct pres_core *core;
    struct pres_front *front;
    struct gw_buf log;
};

static void on_presence(const struct pres_doc *doc, struct pres_session *const *to, size_t count,
                        void *ctx)
{
    struct fake *f = ctx;

    for (size_t i = 0; i < count; i++) {
        put_to(&f->log, to[i]);
        gw_buf_addf(&f->log, "%.*s %s\n", GW_STR_ARG(doc->user), pres_show_name(doc->shown.show));
    }
}

static void on_request(enum pres_request request, struct gw_str from, struct gw_str extra,
                       struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    put_request(&f->log, from, request, extra);
}

static void on_item(const struct pres_item *item, struct pres_session *to, void *ctx)
{
    struct fake *f = ctx;

    put_to(&f->log, to);
    gw_buf_addf(&f->log, "item %.*s '%.*s' %s%s", GW_STR_ARG(item->jid), GW_STR_ARG(item->name),
                pres_sub_name(item->sub), item->ask ? " ask" : "");
    for (size_t i = 0; i < item->group_count; i++)
        gw_buf_addf(&f->log, " [%.*s]", GW_STR_ARG(item->groups[i]));
    gw_buf_add_char(&f->log, '\n');
}

static void on_ended(struct pres_session *s, enum pres_end why, void *ctx)
{
    (void)s, (void)why, (void)ctx;
}

static void on_abroad_presence(const struct pres_doc *doc, const struct gw_str *to, size_t count,
                               void *ctx)
{
    struct fake *f = ctx;

    for (size_t i = 0; i < count; i++)
        gw_buf_addf(&f->log, "-> %.*s: %.*s %s\n", GW_STR_ARG(to[i]), GW_STR_ARG(doc->user),
                    pres_show_name(doc->shown.show));
}

static void on_abroad_request(enum pres_request request, struct gw_str from, struct gw_str to,
                              struct gw_str extra, void *ctx)
{
    struct fake *f = ctx;

    gw_buf_addf(&f->log, "-> %.*s: ", GW_STR_ARG(to));
    put_request(&f->log, from, request, extra);
}

static void on_abroad_probe(struct gw_str from, struct gw_str to, void *ctx)
{
    (void)from, (void)to, (void)ctx;
}

static const struct pres_frontend table = { .name = "fake",
                                            .presence = on_presence,
                                            .request = on_request,
                                            .roster_changed = on_item,
                                            .ended = on_ended,
                                            .presence_abroad = on_abroad_presence,
                                            .request_abroad = on_abroad_request,
                                            .probe_abroad = on_abroad_probe };

static void start_with(struct fake *f, struct store *store)
{
    static const char *const users[] = { "ann@x", "bob@x", "cas@x" };

    *f = (struct fake){ .store = store };
    gw_param_defaults(pres_params, pres_param_count, &f->settings);
    f->core = pres_core_new(&(struct pres_core_args){ .store = store, .settings = &f->settings });
    f->front = pres_frontend_register(f->core, &table, f);
    gw_buf_init(&f->log, 1024 * 1024);
    pres_domain_add(f->core, GW_STR("x"));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pres_user_add(f->core, gw_str_of(users[i]), NULL), GW_OK);
    pres_route_set(f->core, GW_STR("y"), f->front);
    pres_core_load(f->core, NULL, NULL);
    store_wait(store);
}

static void stop(struct fake *f)
{
    pres_user_end_sessions(f->core, GW_STR("ann@x"), PRES_END_REFUSED, now);
    pres_user_end_sessions(f->core, GW_STR("bob@x"), PRES_END_REFUSED, now);
    pres_core_free(&f->core);
    gw_buf_done(&f->log);
}

static struct pres_session *login(struct fake *f, const char *jid)
{
    struct pres_session *s = connect_as(f->core, f->front, jid, "r", f);

    go_online(s);
    gw_buf_reset(&f->log);
    return s;
}

/* dry: not into a batch. lost: into one that does not get to the disk. */
enum way { SAVED, DRY, LOST };

static void close_batch(struct fake *f, struct store_batch *batch, enum way way)
{
    if (way == SAVED)
        store_commit(f->store, &batch, NULL, NULL);
    else
        store_batch_free(&batch);
    store_wait(f->store);
}

static enum gw_code put(struct fake *f, const char *user, const char *contact, const char *name,
                        const char *group, enum way way)
{
    const struct gw_str groups[] = { gw_str_of(group) };
    const struct pres_item item = { .jid = gw_str_of(contact),
                                    .name = gw_str_of(name),
                                    .groups = groups,
                                    .group_count = *group ? 1 : 0 };
    struct pres_contact_change change = { .batch = way == DRY ? NULL : store_batch_new() };
    struct gw_err err;
    enum gw_code rc = pres_contact_put(f->core, gw_str_of(user), &item, &change, &err);

    close_batch(f, change.batch, way);
    return rc;
}

static enum gw_code rename_as(struct fake *f, const char *user, const char *from, const char *to,
                              enum way way, unsigned *told)
{
    struct pres_contact_change change = { .batch = way == DRY ? NULL : store_batch_new() };
    struct gw_err err;
    enum gw_code rc = pres_contact_rename(f->core, gw_str_of(user), gw_str_of(from), gw_str_of(to),
                                          &change, &err);

    close_batch(f, change.batch, way);
    *told = change.told;
    return rc;
}

static void place(struct fake *f, const char *user, const char *contact, unsigned state)
{
    const struct pres_entry_args args = { .jid = gw_str_of(contact),
                                          .state = (unsigned char)state,
                                          .listed = true };

    pres_roster_place(&pres_user_find(f->core, gw_str_of(user))->roster, pres_entry_new(&args));
}

static const struct pres_entry *entry(struct fake *f, const char *user, const char *contact)
{
    return pres_roster_find(&pres_user_find(f->core, gw_str_of(user))->roster, gw_str_of(contact));
}

static void put_is_what_a_client_does(void **state)
{
    struct store *store = open_store(":memory:");
    struct fake f;

    (void)state;
    start_with(&f, store);
    login(&f, "bob@x");
    login(&f, "ann@x");
    assert_int_equal(put(&f, "ann@x", "bob@x", "Bob", "Work", DRY), GW_OK);
    EXPECT("");
    assert_null(entry(&f, "ann@x", "bob@x"));
    assert_int_equal(put(&f, "ann@x", "bob@x", "Bob", "Work", SAVED), GW_OK);
    EXPECT("ann@x/r: item bob@x 'Bob' none [Work]\n"
           "ann@x/r: item bob@x 'Bob' none ask [Work]\n"
           "bob@x/r: item ann@x '' from\n"
           "ann@x/r: bob@x subscribed\n"
           "ann@x/r: item bob@x 'Bob' to [Work]\n"
           "ann@x/r: bob@x available\n");
    assert_int_equal(put(&f, "ann@x", "bob@x", "Bob", "Home", SAVED), GW_OK);
    EXPECT("ann@x/r: item bob@x 'Bob' to [Home]\n");
    assert_int_equal(put(&f, "ann@x", "eve@y", "", "", SAVED), GW_OK);
    EXPECT("ann@x/r: item eve@y '' none\n"
           "ann@x/r: item eve@y '' none ask\n"
           "-> eve@y: ann@x subscribe\n");
    stop(&f);
    start_with(&f, store); /* what was saved is there */
    assert_int_equal(entry(&f, "ann@x", "bob@x")->state, PRES_TO);
    assert_int_equal(entry(&f, "bob@x", "ann@x")->state, PRES_FROM);
    assert_int_equal(entry(&f, "ann@x", "eve@y")->state, PRES_OUT);
    assert_int_equal(put(&f, "ann@x", "cas@x", "", "", LOST), GW_OK);
    stop(&f);
    start_with(&f, store); /* and no more */
    assert_null(entry(&f, "ann@x", "cas@x"));
    stop(&f);
    store_close(&store);
}

static void refusals(void **state)
{
    static const struct {
        const char *user, *contact, *group;
        enum gw_code rc;
    } cases[] = {
        { "nobody@x", "bob@x", "", GW_NOTFOUND }, { "ann@x", "ann@x", "", GW_INVALID },
        { "ann@x", "nobody@x", "", GW_NOTFOUND }, { "ann@x", "x", "", GW_INVALID },
        { "ann@x", "eve@z", "", GW_NOTFOUND }, /* a domain that nobody leads to */
    };
    struct store *store = open_store(":memory:");
    unsigned told;
    struct fake f;

    (void)state;
    start_with(&f, store);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (enum way way = SAVED; way <= DRY; way++) {
            enum gw_code rc = put(&f, cases[i].user, cases[i].contact, "", cases[i].group, way);

            if (rc != cases[i].rc)
                fail_msg("%s %s: %d", cases[i].user, cases[i].contact, rc);
        }
    }
    f.settings.contacts_max = 1;
    f.settings.watchers_max = 1;
    assert_int_equal(put(&f, "ann@x", "bob@x", "", "", SAVED), GW_OK);
    assert_int_equal(put(&f, "ann@x", "cas@x", "", "", SAVED), GW_LIMIT);
    assert_int_equal(put(&f, "ann@x", "bob@x", "new name", "", SAVED), GW_OK);
    assert_int_equal(put(&f, "cas@x", "bob@x", "", "", SAVED), GW_LIMIT);
    assert_null(entry(&f, "cas@x", "bob@x"));
    assert_int_equal(rename_as(&f, "ann@x", "cas@x", "eve@y", SAVED, &told), GW_NOTFOUND);
    assert_int_equal(rename_as(&f, "ann@x", "bob@x", "ann@x", SAVED, &told), GW_INVALID);
    assert_int_equal(rename_as(&f, "ann@x", "bob@x", "eve@z", SAVED, &told), GW_NOTFOUND);
    assert_int_equal(rename_as(&f, "ann@x", "bob@x", "eve@y", DRY, &told), GW_OK);
    assert_non_null(entry(&f, "ann@x", "bob@x"));
    assert_int_equal(rename_as(&f, "ann@x", "bob@x", "eve@y", SAVED, &told),
                     GW_OK); /* a full list */
    stop(&f);
    store_close(&store);
}

static void moves_abroad(void **state)
{
    const struct pres_privacy_rule rule = { PRES_CLASS_NAMED, GW_STR_INIT("old@y"),
                                            PRES_LEVEL_NOTHING };
    struct store *store = open_store(":memory:");
    struct pres_privacy_view privacy;
    unsigned told;
    struct fake f;

    (void)state;
    start_with(&f, store);
    place(&f, "ann@x", "old@y", PRES_TO | PRES_FROM);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("old@y"), PRES_ALLOW, NULL),
                     GW_OK);
    assert_int_equal(pres_privacy_set(f.core, GW_STR("ann@x"), &rule, now, NULL, NULL, NULL),
                     GW_OK);
    login(&f, "ann@x");
    assert_int_equal(rename_as(&f, "ann@x", "old@y", "new@y", SAVED, &told), GW_OK);
    EXPECT("ann@x/r: item new@y '' from\n"
           "ann@x/r: item new@y '' from ask\n"
           "-> new@y: ann@x subscribe\n"
           "-> old@y: ann@x unsubscribe\n"
           "-> old@y: ann@x offline\n"
           "-> old@y: ann@x unsubscribed\n"
           "ann@x/r: item old@y '' remove\n");
    assert_int_equal(told, 1);
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("new@y")), PRES_ALLOW);
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("old@y")), PRES_ASK);
    assert_true(pres_privacy_get(f.core, GW_STR("ann@x"), &privacy));
    assert_int_equal(privacy.named_count, 1);
    assert_true(gw_str_is(privacy.named[0].watcher, "new@y"));
    /* He was allowed: asked by him, nobody is asked. */
    pres_abroad_request(f.core, PRES_SUBSCRIBE, GW_STR("new@y"), GW_STR("ann@x"), GW_STR(""));
    EXPECT("-> new@y: ann@x subscribed\n-> new@y: ann@x available\n");
    stop(&f);
    start_with(&f, store);
    assert_null(entry(&f, "ann@x", "old@y"));
    assert_int_equal(entry(&f, "ann@x", "new@y")->state, PRES_FROM | PRES_OUT);
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("new@y")), PRES_ALLOW);
    stop(&f);
    store_close(&store);
}

/* Who is denied stays denied under the new address; one who is there already keeps his own. */
static void keeps_what_was_decided(void **state)
{
    struct store *store = open_store(":memory:");
    unsigned told;
    struct fake f;

    (void)state;
    start_with(&f, store);
    assert_int_equal(put(&f, "ann@x", "bob@x", "Bob", "Work", SAVED), GW_OK);
    assert_int_equal(put(&f, "ann@x", "cas@x", "Cas", "Home", SAVED), GW_OK);
    assert_int_equal(put(&f, "bob@x", "ann@x", "", "", SAVED), GW_OK);
    assert_int_equal(pres_decide(f.core, GW_STR("ann@x"), GW_STR("bob@x"), PRES_BLOCK, NULL),
                     GW_OK);
    login(&f, "ann@x");
    assert_int_equal(rename_as(&f, "ann@x", "bob@x", "cas@x", SAVED, &told), GW_OK);
    EXPECT("ann@x/r: item cas@x 'Cas' to [Home] [Work]\n"
           "ann@x/r: item bob@x '' remove\n");
    assert_int_equal(pres_decided(f.core, GW_STR("ann@x"), GW_STR("cas@x")), PRES_BLOCK);
    assert_int_equal(entry(&f, "bob@x", "ann@x")->state, 0);
    stop(&f);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_is_what_a_client_does),
        cmocka_unit_test(refusals),
        cmocka_unit_test(moves_abroad),
        cmocka_unit_test(keeps_what_was_decided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
