/* Peers whom the list of who may come in knows by name: what waits for the DNS, and the verdict. */
#include "gw_log.h"
#include "sip_test.h"

/* Intradomain R-5.4c: a peer that is known by name. Its requests wait for the DNS, and nobody else's do. */
static void test_acl_names(void **state)
{
    const struct sip_peer peer = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("198.51.100.1"),
                                   .port = 9 };
    struct sip_counters c;
    struct rig r;
    char tag[256];

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.incoming_acl", "192.0.2.0/24, lync.example");
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n1", .expires = 600 });
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n2", .expires = 600 });
    rig_silence(&r);
    rig_subscribe(&r, &(struct ask){ .call_id = "n3", .expires = 600 }, tag);
    rig_names(&r, "PTR 198.51.100.1", "fe1.lync.example");
    rig_names(&r, "A fe1.lync.example", "198.51.100.1");
    rig_expect(&r, "SIP/2.0 200 ", "Call-ID: n1\r\n");
    rig_expect(&r, "NOTIFY ", "");
    rig_expect(&r, "SIP/2.0 200 ", "Call-ID: n2\r\n");
    rig_expect(&r, "NOTIFY ", "");
    /* It is known now, for a while. */
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n4", .expires = 600 });
    rig_expect(&r, "SIP/2.0 200 ", "");
    rig_expect(&r, "NOTIFY ", "");
    assert_int_equal(r.asked_names, 2);
    /* The list is another one: it is asked anew, and whoever gives himself a name is found out. */
    sip_core_settings_apply(r.sip);
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n5", .expires = 600 });
    rig_names(&r, "PTR 198.51.100.1", "fe1.lync.example");
    rig_names(&r, "A fe1.lync.example", "203.0.113.9");
    rig_expect(&r, "SIP/2.0 403 ", "Call-ID: n5\r\n");
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n6", .expires = 600 });
    rig_expect(&r, "SIP/2.0 403 ", "");
    sip_core_counters(r.sip, &c);
    assert_int_equal(c.refused_acl, 2);
    rig_done(&r);
}

/* What waits while the list becomes another one is judged by that, and not lost. */
static void test_acl_changes(void **state)
{
    const struct sip_peer peer = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("198.51.100.1"),
                                   .port = 9 };
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.incoming_acl", "lync.example");
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n1", .expires = 600 });
    rig_silence(&r);
    rig_set(&r, "sip.incoming_acl", "other.example");
    sip_core_settings_apply(r.sip);
    rig_names(&r, "PTR 198.51.100.1", "fe1.other.example");
    rig_set(&r, "sip.incoming_acl", "198.51.100.1");
    sip_core_settings_apply(r.sip); /* in the middle of the two questions */
    rig_names(&r, "PTR 198.51.100.1", NULL);
    rig_expect(&r, "SIP/2.0 200 ", "Call-ID: n1\r\n");
    rig_expect(&r, "NOTIFY ", "");
    rig_done(&r);
}

static void keep_line(enum gw_log_level level, const char *component, struct gw_str line, void *ctx)
{
    (void)component;
    if (level == GW_LOG_WARN)
        gw_buf_add_str(ctx, line);
}

/* Intradomain R-5.4c: a check that the DNS makes slow is told, with what to do; a fast one is not. */
static void test_acl_slow(void **state)
{
    static const struct {
        int64_t took_ms;
        const char *told; /* NULL: nothing */
    } cases[] = {
        { 2000, NULL },
        { 2001, "took_ms=2001" },
    };
    const struct sip_peer peer = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("198.51.100.1"),
                                   .port = 9 };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_buf lines;
        struct rig r;

        rig_init(&r);
        rig_set(&r, "sip.incoming_acl", "lync.example");
        gw_buf_init(&lines, 4000);
        rig_ask_from(&r, &peer, &(struct ask){ .expires = 600 });
        rig_pass(&r, cases[i].took_ms);
        gw_log_set_sink(keep_line, &lines);
        rig_names(&r, "PTR 198.51.100.1", "fe1.lync.example");
        rig_names(&r, "A fe1.lync.example", "198.51.100.1");
        gw_log_set_sink(NULL, NULL);
        rig_expect(&r, "SIP/2.0 200 ", "");
        assert_int_equal(lines.len > 0, cases[i].told != NULL);
        if (cases[i].told) {
            assert_non_null(strstr(lines.p, "incoming ACL check took over 2 seconds - check DNS "
                                            "peer=198.51.100.1 "));
            assert_non_null(strstr(lines.p, cases[i].told));
            assert_non_null(strstr(lines.p, "sip.incoming_acl"));
        }
        gw_buf_done(&lines);
        rig_done(&r);
    }
}

/* Another name, none, and no answer: refused, the last after 20 seconds. */
static void test_acl_no_names(void **state)
{
    const struct sip_peer peer = {
        .proto = SIP_TCP, .conn = 8, .host = GW_STR_INIT("198.51.100.1"), .port = 9
    };
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_set(&r, "sip.incoming_acl", "lync.example");
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n1", .expires = 600 });
    rig_names(&r, "PTR 198.51.100.1", "fe1.notlync.example");
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_pass(&r, 61 * GW_SECOND_MS);
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n2", .expires = 600 });
    rig_names(&r, "PTR 198.51.100.1", NULL);
    rig_expect(&r, "SIP/2.0 403 ", "");
    rig_pass(&r, 61 * GW_SECOND_MS);
    rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n3", .expires = 600 });
    rig_pass(&r, 19 * GW_SECOND_MS);
    rig_silence(&r);
    /* So many wait, more do not. */
    for (int i = 0; i < 25; i++)
        rig_ask_from(&r, &peer, &(struct ask){ .call_id = "n4", .expires = 600 });
    for (int i = 0; i < 6; i++)
        rig_expect(&r, "SIP/2.0 503 ", "Retry-After: 5\r\n");
    rig_silence(&r);
    rig_pass(&r, 2 * GW_SECOND_MS);
    assert_null(r.names.done);
    for (int i = 0; i < 20; i++)
        rig_expect(&r, "SIP/2.0 403 ", "");
    rig_silence(&r);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acl_names),
        cmocka_unit_test(test_acl_changes),
        cmocka_unit_test(test_acl_slow),
        cmocka_unit_test(test_acl_no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
