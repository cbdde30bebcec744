/* Which calendars a mailbox has, and what is in several of them at once: answers as they should be, and
 * as they should not. */
#include "ews_test_answer.h"

#define OK(name, rest)                                                                             \
    "<" name "ResponseMessage ResponseClass='Success'><ResponseCode>NoError</ResponseCode>" rest   \
    "</" name "ResponseMessage>"
#define BAD(name, code)                                                                            \
    "<" name "ResponseMessage ResponseClass='Error'><ResponseCode>" code "</ResponseCode></" name  \
    "ResponseMessage>"
#define ANSWER(name, messages)                                                                     \
    EWS_TEST_ENVELOPE("<" name "Response><ResponseMessages>" messages "</ResponseMessages></" name \
                      "Response>")

#define CAL(id, name)                                                                              \
    "<CalendarFolder><FolderId Id='" id "' ChangeKey='x'/><DisplayName>" name                      \
    "</DisplayName></CalendarFolder>"
#define FOLDERS(list)                                                                              \
    OK("FindFolder", "<RootFolder TotalItemsInView='9'><Folders>" list "</Folders></RootFolder>")
#define FOLDERS_SOME(list)                                                                         \
    OK("FindFolder",                                                                               \
       "<RootFolder TotalItemsInView='201' IncludesLastItemInRange='false'><Folders>" list         \
       "</Folders></RootFolder>")
#define FOUND(messages) ANSWER("FindFolder", messages)

static void parse_own(enum ews_op op, const char *body, struct parsed *p)
{
    const struct ews_http http = { .status = 200, .body = gw_str_of(body) };

    parse_more((struct ews_request){ .op = op, .own_folder = GW_STR_INIT("own=") }, &http, p);
}

static void test_own(void **state)
{
    static const struct {
        const char *body;
        enum ews_class class;
        const char *id, *name;
    } c[] = {
        { ANSWER("GetFolder", OK("GetFolder", "<Folders>" CAL("AAMk=", "Kalender") "</Folders>")),
          EWS_OK, "AAMk=", "Kalender" },
        { ANSWER("GetFolder", OK("GetFolder", "<Folders>" CAL("AAMk=", "a&#10;b") "</Folders>")),
          EWS_OK, "AAMk=", "" },
        { ANSWER("GetFolder", OK("GetFolder", "<Folders>" CAL("", "Kalender") "</Folders>")),
          EWS_BAD_ANSWER, NULL, NULL },
        { ANSWER("GetFolder", OK("GetFolder", "<Folders>" CAL("a b", "x") "</Folders>")),
          EWS_BAD_ANSWER, NULL, NULL },
        { ANSWER("GetFolder", OK("GetFolder", "<Folders/>")), EWS_BAD_ANSWER, NULL, NULL },
        { ANSWER("GetFolder", OK("GetFolder", "")), EWS_BAD_ANSWER, NULL, NULL },
        { ANSWER("GetFolder", BAD("GetFolder", "ErrorFolderNotFound")), EWS_MAILBOX, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct parsed p;

        parse_own(EWS_OP_GET_FOLDER, c[i].body, &p);
        if (p.a.status.class != c[i].class)
            fail_msg("case %zu: %s", i, p.a.status.text);
        assert_int_equal(p.a.folder_count, c[i].class == EWS_OK);
        if (c[i].class == EWS_OK) {
            assert_true(gw_str_is(p.a.folders->id, c[i].id));
            assert_true(gw_str_is(p.a.folders->name, c[i].name));
        }
        parsed_done(&p);
    }
}

/* The own calendar and deleted ones are not among them; what cannot be used is counted. */
static void test_further(void **state)
{
    static const struct {
        const char *body;
        enum ews_class class;
        const char *names;
        unsigned dropped;
        bool is_cut;
    } c[] = {
        { FOUND(FOLDERS("") FOLDERS("")), EWS_OK, "", 0, false },
        { FOUND(FOLDERS(CAL("own=", "Calendar")) FOLDERS("")), EWS_OK, "", 0, false },
        { FOUND(FOLDERS(CAL("a=", "Team") CAL("own=", "Calendar") CAL("b=", "P&amp;L"))
                    FOLDERS("")),
          EWS_OK, "Team,P&L,", 0, false },
        { FOUND(FOLDERS(CAL("a=", "Team") CAL("b=", "Old")) FOLDERS(CAL("b=", "Old"))), EWS_OK,
          "Team,", 0, false },
        { FOUND(FOLDERS(CAL("a b", "Team") CAL("", "Old") CAL("c=", "Good")) FOLDERS("")), EWS_OK,
          "Good,", 2, false },
        { FOUND(FOLDERS(CAL("a=", "Team")) BAD("FindFolder", "ErrorFolderNotFound")), EWS_OK,
          "Team,", 0, false },
        { FOUND(FOLDERS(CAL("a=", "Team")) BAD("FindFolder", "ErrorServerBusy")), EWS_BUSY, NULL, 0,
          false },
        { FOUND(FOLDERS(CAL("a=", "Team"))), EWS_BAD_ANSWER, NULL, 0, false },
        { FOUND(OK("FindFolder", "<RootFolder/>") FOLDERS("")), EWS_BAD_ANSWER, NULL, 0, false },
        { FOUND(BAD("FindFolder", "ErrorAccessDenied") FOLDERS("")), EWS_MAILBOX, NULL, 0, false },
        { FOUND(FOLDERS_SOME(CAL("a=", "Team")) FOLDERS("")), EWS_OK, "Team,", 0, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_buf names;
        struct parsed p;

        parse_own(EWS_OP_FIND_FOLDER, c[i].body, &p);
        if (p.a.status.class != c[i].class)
            fail_msg("case %zu: %s", i, p.a.status.text);
        gw_buf_init(&names, 1000);
        for (size_t k = 0; k < p.a.folder_count && c[i].names; k++)
            gw_buf_addf(&names, "%.*s,", GW_STR_ARG(p.a.folders[k].name));
        if (c[i].names && !gw_str_is(gw_buf_str(&names), c[i].names))
            fail_msg("case %zu: %.*s", i, GW_STR_ARG(gw_buf_str(&names)));
        assert_int_equal(p.a.dropped, c[i].dropped);
        assert_int_equal(p.a.folders_cut, c[i].is_cut);
        gw_buf_done(&names);
        parsed_done(&p);
    }
}

#define ITEMS(count)                                                                               \
    OK("FindItem",                                                                                 \
       "<RootFolder IncludesLastItemInRange='true'><Items>" count "</Items></RootFolder>")
#define ITEM                                                                                       \
    "<CalendarItem><Start>2026-11-20T09:00:00Z</Start><End>2026-11-20T10:00:00Z</End>"             \
    "</CalendarItem>"

/* One of the further calendars may be bad, or not be answered for: the others are as they are. */
static void test_read_together(void **state)
{
    static const struct gw_str ids[] = { GW_STR_INIT("a="), GW_STR_INIT("b=") };
    static const struct {
        const char *body;
        enum ews_class class, each[3];
        size_t count[3];
    } c[] = {
        { ANSWER("FindItem", ITEMS("") ITEMS(ITEM) ITEMS(ITEM ITEM)),
          EWS_OK,
          { EWS_OK, EWS_OK, EWS_OK },
          { 0, 1, 2 } },
        { ANSWER("FindItem", ITEMS(ITEM) BAD("FindItem", "ErrorFolderNotFound") ITEMS(ITEM)),
          EWS_OK,
          { EWS_OK, EWS_MAILBOX, EWS_OK },
          { 1, 0, 1 } },
        { ANSWER("FindItem", ITEMS(ITEM) ITEMS(ITEM)),
          EWS_OK,
          { EWS_OK, EWS_OK, EWS_BAD_ANSWER },
          { 1, 1, 0 } },
        { ANSWER("FindItem", ITEMS(ITEM) OK("FindItem", "") ITEMS(ITEM)),
          EWS_OK,
          { EWS_OK, EWS_BAD_ANSWER, EWS_OK },
          { 1, 0, 1 } },
        { ANSWER("FindItem", BAD("FindItem", "ErrorAccessDenied") ITEMS(ITEM) ITEMS(ITEM)),
          EWS_MAILBOX,
          { EWS_OK },
          { 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        const struct ews_http http = { .status = 200, .body = gw_str_of(c[i].body) };
        struct parsed p;

        parse_more((struct ews_request){ .op = EWS_OP_FIND_ITEM,
                                         .item_fields = GW_ITEM_EXACT | GW_ITEM_CALENDAR,
                                         .folders = ids,
                                         .folder_count = 2 },
                   &http, &p);
        if (p.a.status.class != c[i].class)
            fail_msg("case %zu: %s", i, p.a.status.text);
        assert_int_equal(p.a.calendar_count, c[i].class == EWS_OK ? 3 : 0);
        for (size_t k = 0; k < p.a.calendar_count; k++) {
            assert_int_equal(p.a.calendars[k].status.class, c[i].each[k]);
            assert_int_equal(p.a.calendars[k].item_count, c[i].count[k]);
        }
        parsed_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_further),
        cmocka_unit_test(test_read_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
