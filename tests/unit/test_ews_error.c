/* Response codes and what they lead to; dialects; and the count of refused passwords. */
#include "ews_test.h"

#include "ews_priv.h"

static const struct {
    const char *code;
    enum ews_class class;
} code_case[] = {
    { "NoError", EWS_OK },
    { "ErrorServerBusy", EWS_BUSY },
    { "ErrorExceededConnectionCount", EWS_CONNECTION_LIMIT },
    { "ErrorExceededSubscriptionCount", EWS_SUBSCRIPTION_LIMIT },
    { "ErrorExceededFindCountLimit", EWS_TOO_MUCH },
    { "ErrorTimeIntervalTooBig", EWS_TOO_MUCH },
    { "ErrorInternalServerError", EWS_TRANSIENT },
    { "ErrorMailboxMoveInProgress", EWS_TRANSIENT },
    { "ErrorMailboxStoreUnavailable", EWS_TRANSIENT },
    { "ErrorProxiedSubscriptionCallFailure", EWS_ELSEWHERE },
    { "ErrorWrongServerVersion", EWS_ELSEWHERE },
    { "ErrorSubscriptionNotFound", EWS_SUBSCRIPTION_GONE },
    { "ErrorReadEventsFailed", EWS_SUBSCRIPTION_GONE },
    { "ErrorInvalidWatermark", EWS_SUBSCRIPTION_GONE },
    { "ErrorNonExistentMailbox", EWS_MAILBOX },
    { "ErrorAccessDenied", EWS_MAILBOX },
    { "ErrorImpersonateUserDenied", EWS_PERMISSION },
    { "ErrorPasswordExpired", EWS_CREDENTIALS },
    { "ErrorInvalidPushSubscriptionUrl", EWS_CONFIG },
    { "ErrorInvalidServerVersion", EWS_VERSION },
    { "ErrorSchemaValidation", EWS_BUG },
    { "ErrorThatWasInventedYesterday", EWS_TRANSIENT },
    { "errorserverbusy", EWS_TRANSIENT },
    { "", EWS_TRANSIENT },
};

static void test_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(code_case) / sizeof(code_case[0]); i++)
        if (ews_class_of(gw_str_of(code_case[i].code)) != code_case[i].class)
            fail_msg("%s is not %s", code_case[i].code, ews_class_name(code_case[i].class));
}

static void test_class_names(void **state)
{
    (void)state;
    for (int class = EWS_OK; class <= EWS_SERVER_DOWN; class ++)
        assert_string_not_equal(ews_class_name((enum ews_class) class), "unknown");
}

static void test_peer_text_is_quoted_and_cut(void **state)
{
    struct ews_status s;
    char evil[2000];

    (void)state;
    memset(evil, 'x', sizeof(evil));
    memcpy(evil, "a\nb'c\x01", 6);
    ews_status_set_code(&s, (struct gw_str){ evil, sizeof(evil) }, (struct gw_str){ evil, 2000 });
    assert_null(strchr(s.text, '\n'));
    assert_true(strlen(s.text) < sizeof(s.text));
    assert_int_equal(strncmp(s.code, "abcxxx", 6), 0);
    assert_int_equal(strlen(s.code), sizeof(s.code) - 1);
    assert_true(s.alive);
}

static void test_text_is_not_cut_inside_a_character(void **state)
{
    struct ews_status s;
    char text[1200];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[1198] = '\0';
    ews_status_set(&s, EWS_CONFIG, "x", "%s", text);
    assert_true(gw_str_is_utf8(gw_str_of(s.text)));
    ews_status_set(&s, EWS_CONFIG, "x", "a%s", text);
    assert_true(gw_str_is_utf8(gw_str_of(s.text)));
}

/* The longest sentence that ends with a command, behind all that is put before it on its way. */
static void test_command_is_not_cut(void **state)
{
    static const char command[] = "or allow Basic (kalendsctl set calendar.auth basic)";
    struct ews_status s, fate;

    (void)state;
    ews_status_set(&s, EWS_CONFIG, "only-basic",
                   "the server offers only Basic, which shows it the password: enable Windows "
                   "authentication on /EWS, %s",
                   command);
    for (int i = 0; i < 3; i++) {
        ews_status_set(&fate, s.class, s.code, "not sent after the failure of another call: %s",
                       s.text);
        s = fate;
    }
    assert_true(gw_str_ends(gw_str_of(s.text), command));
}

static void test_dialects(void **state)
{
    const struct ews_dialect *d = ews_dialect_of_server(15, 2);

    (void)state;
    assert_string_equal(d->version, "Exchange2013_SP1");
    assert_string_equal(ews_dialect_default()->version, "Exchange2010_SP2");
    assert_string_equal(ews_dialect_of_server(0, 0)->version, "Exchange2010_SP2");
    assert_string_equal(ews_dialect_of_server(14, 3)->version, "Exchange2010_SP2");
    assert_string_equal(ews_dialect_of_server(14, 1)->version, "Exchange2010_SP1");
    assert_string_equal(ews_dialect_of_server(8, 3)->version, "Exchange2007_SP1");
    assert_string_equal(ews_dialect_of_server(8, 0)->version, "Exchange2007");
    for (int steps = 0; (d = ews_dialect_lower(d)); steps++)
        assert_true(steps < 5);
    assert_null(ews_dialect_find(GW_STR("Exchange2099")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_peer_text_is_quoted_and_cut),
        cmocka_unit_test(test_text_is_not_cut_inside_a_character),
        cmocka_unit_test(test_command_is_not_cut),
        cmocka_unit_test(test_dialects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
