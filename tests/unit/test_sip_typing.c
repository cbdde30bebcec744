/* That somebody types, in the two forms that there are. */
#include "sip_typing.h"

#include "sip_test.h"

#define NS "xmlns='urn:ietf:params:xml:ns:im-iscomposing'"

static const struct {
    enum sip_typing_form form;
    const char *body;
    enum gw_code rc;
    enum pres_chat chat;
    int lasts_s;
} read_case[] = {
    { SIP_TYPING_COMPOSING, "<isComposing " NS "><state>active</state></isComposing>", GW_OK,
      PRES_CHAT_COMPOSING, 120 },
    { SIP_TYPING_COMPOSING,
      "<isComposing " NS "><state>active</state><refresh>90</refresh></isComposing>", GW_OK,
      PRES_CHAT_COMPOSING, 90 },
    { SIP_TYPING_COMPOSING,
      "<isComposing " NS "><state>active</state><refresh>999999</refresh></isComposing>", GW_OK,
      PRES_CHAT_COMPOSING, 120 },
    { SIP_TYPING_COMPOSING, "<isComposing " NS "><state>idle</state></isComposing>", GW_OK,
      PRES_CHAT_PAUSED, 120 },
    { SIP_TYPING_COMPOSING, "<isComposing " NS "><state>dancing</state></isComposing>", GW_OK,
      PRES_CHAT_PAUSED, 120 },
    { SIP_TYPING_COMPOSING, "<isComposing><state>active</state></isComposing>", GW_BADMSG, 0, 0 },
    { SIP_TYPING_COMPOSING, "<x/>", GW_BADMSG, 0, 0 },
    { SIP_TYPING_COMPOSING, "", GW_BADMSG, 0, 0 },
    { SIP_TYPING_KEYBOARD, "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>", GW_OK,
      PRES_CHAT_COMPOSING, 120 },
    { SIP_TYPING_KEYBOARD, "<KeyboardActivity><status status=\"idle\"/></KeyboardActivity>", GW_OK,
      PRES_CHAT_PAUSED, 120 },
    { SIP_TYPING_KEYBOARD, "<KeyboardActivity/>", GW_BADMSG, 0, 0 },
    { SIP_TYPING_KEYBOARD, "<other/>", GW_BADMSG, 0, 0 },
};

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(read_case) / sizeof(read_case[0]); i++) {
        struct sip_typing typing = { .chat = PRES_CHAT_UNSAID };

        assert_int_equal(
            sip_typing_read(read_case[i].form, gw_str_of(read_case[i].body), &typing, NULL),
            read_case[i].rc);
        assert_int_equal(typing.chat, read_case[i].chat);
        assert_int_equal(typing.lasts_s, read_case[i].lasts_s);
    }
}

static void test_limits(void **state)
{
    static char body[4000];
    struct sip_typing typing;

    (void)state;
    memset(body, ' ', sizeof(body) - 1);
    assert_int_equal(sip_typing_read(SIP_TYPING_COMPOSING, gw_str_of(body), &typing, NULL),
                     GW_LIMIT);
}

/* What is written is read as what it was, in both forms. */
static void test_write(void **state)
{
    static const enum pres_chat chats[] = { PRES_CHAT_COMPOSING, PRES_CHAT_PAUSED };

    (void)state;
    for (int form = 0; form < SIP_TYPING_FORM_COUNT; form++) {
        for (size_t i = 0; i < 2; i++) {
            struct sip_typing typing = { .chat = PRES_CHAT_UNSAID };
            enum sip_typing_form found;
            struct gw_buf out;

            gw_buf_init(&out, 1000);
            sip_typing_write((enum sip_typing_form)form, chats[i], &out);
            assert_true(sip_typing_find(gw_str_of(sip_typing_types[form]), &found));
            assert_int_equal(found, form);
            assert_int_equal(sip_typing_read(found, gw_buf_str(&out), &typing, NULL), GW_OK);
            assert_int_equal(typing.chat, chats[i]);
            gw_buf_done(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
