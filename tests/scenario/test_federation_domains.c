/* Domains that look like each other are different ones (interdomain-federation.md 1.10), also when users are
 * known by mail addresses (13): two servers, dialback between them, on virtual time. */
#include "fed_world.h"

static const struct {
    const char *a, *b;
    const char *mail; /* of a's user, ann.n@...; NULL: she is known by her id */
} cases[] = {
    { "imp.example.test", "example.test", NULL },         /* ours below theirs */
    { "example.test", "foreign.example.test", NULL },     /* theirs below ours */
    { "cup.example.test", "foreign.example.test", NULL }, /* beside each other */
    { "example.test", "ample.test", NULL },               /* an end of letters is no label */
    { "a.example", "b.example", "a.example" },            /* another name in the same domain */
    { "a.example", "b.example", "mail.a.example" },
    { "mail.a.example", "b.example", "a.example" },
    { "a.example", "b.example", "b.example.test" },
    { "a.example", "b.example", "a.b.example" }, /* below theirs, and ours all the same */
};

static void begin(struct fed_world *w, size_t i)
{
    char id[64], mail[64];

    *w = (struct fed_world){ .now = { .mono = 1000 * 1000, .utc = 1700000000000 } };
    gw_list_init(&w->ends);
    side_start(&w->a, w, cases[i].a, NULL);
    side_start(&w->b, w, cases[i].b, NULL);
    w->a.certificate = w->b.certificate = NULL;
    w->a.settings.tls = w->b.settings.tls = XMPP_FED_NO_TLS;
    if (!cases[i].mail)
        return;
    w->a.mail = cases[i].mail;
    w->a.pres.mail = 1;
    pres_settings_apply(w->a.core, w->now);
    snprintf(id, sizeof(id), "ann@%s", cases[i].a);
    snprintf(mail, sizeof(mail), "ann.n@%s", cases[i].mail);
    pres_mail_domain_add(w->a.core, gw_str_of(cases[i].mail));
    pres_user_mail_set(w->a.core, gw_str_of(id), gw_str_of(mail));
    pres_mail_start(w->a.core);
}

static void expect(const struct side *side, const char *line)
{
    if (!told(side, line))
        fail_msg("'%s' was not told '%s' but:\n%s", side->domain, line,
                 side->log.p ? side->log.p : "nothing");
}

static void meets(size_t i)
{
    struct pres_session *a, *b;
    char a_known[64], b_known[64], line[200];
    struct fed_world w;

    begin(&w, i);
    snprintf(a_known, sizeof(a_known), cases[i].mail ? "ann.n@%s" : "ann@%s",
             cases[i].mail ? cases[i].mail : cases[i].a);
    snprintf(b_known, sizeof(b_known), "ann@%s", cases[i].b);
    login_at(&w.a, &a);
    login_at(&w.b, &b);
    say_at(&w.a, a, PRES_AWAY, "here");
    say_at(&w.b, b, PRES_DND, "there");
    pres_request_send(a, PRES_SUBSCRIBE, gw_str_of(b_known), GW_STR(""), NULL);
    settle_world(&w);
    pres_request_send(b, PRES_SUBSCRIBE, gw_str_of(a_known), GW_STR(""), NULL);
    settle_world(&w);
    snprintf(line, sizeof(line), "ann@%s < %s/r do-not-disturb 'there'\n", cases[i].a, b_known);
    expect(&w.a, line);
    snprintf(line, sizeof(line), "ann@%s < %s/r away 'here'\n", cases[i].b, a_known);
    expect(&w.b, line);
    /* By her id nobody is met who has another name there. */
    if (cases[i].mail) {
        gw_buf_reset(&w.a.log);
        snprintf(line, sizeof(line), "ann@%s", cases[i].a);
        pres_request_send(b, PRES_SUBSCRIBE, gw_str_of(line), GW_STR(""), NULL);
        settle_world(&w);
        assert_int_equal(w.a.log.len, 0);
    }
    pres_session_free(&a, w.now);
    pres_session_free(&b, w.now);
    world_end(&w);
}

static void meet_whatever_their_domains_look_like(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        meets(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meet_whatever_their_domains_look_like),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
