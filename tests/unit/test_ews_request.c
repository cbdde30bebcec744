/* What is asked for, and what is refused to be asked for. That the documents are valid is the
 * business of test_ews_schema. */
#include "ews_test.h"

static const struct gw_str two[] = { GW_STR_INIT("ann@presence.example"),
                                     GW_STR_INIT("<o'brien&sons>@presence.example") };

static struct ews_request request_of(enum ews_op op)
{
    struct ews_request r = { .op = op,
                             .mailbox = GW_STR_INIT("ann@presence.example"),
                             .from = EWS_TEST_DAY,
                             .to = EWS_TEST_DAY + 2 * (gw_utc)GW_DAY_MS,
                             .notify_url = GW_STR_INIT("http://gw:50020/ews/notify/t&k"),
                             .status_frequency_min = 60,
                             .pull_timeout_min = 10,
                             .mailboxes = two,
                             .mailbox_count = 2,
                             .subscription_id = GW_STR_INIT("EQBj=="),
                             .watermark = GW_STR_INIT("AQAA"),
                             .own_folder = GW_STR_INIT("AAMkAD=="),
                             .subscription_ids = two,
                             .subscription_id_count = 2,
                             .stream_timeout_min = 30,
                             .name = GW_STR_INIT("smtp:ann@presence.example"),
                             .url = GW_STR_INIT("https://a/autodiscover/autodiscover.svc") };

    if (op == EWS_OP_AVAILABILITY || op == EWS_OP_RESOLVE)
        r.mailbox = (struct gw_str){ NULL, 0 };
    return r;
}

/* The text; free(). */
static char *written(const struct ews_request *r, const char *version)
{
    struct gw_buf out;
    struct gw_err err = { GW_OK, "" };

    gw_buf_init(&out, EWS_REQUEST_MAX);
    assert_int_equal(ews_request_write(r, ews_dialect_find(gw_str_of(version)), &out, &err), GW_OK);
    return gw_buf_take(&out);
}

static void assert_has(const char *text, const char *piece)
{
    if (!strstr(text, piece))
        fail_msg("no %s in %s", piece, text);
}

static void assert_lacks(const char *text, const char *piece)
{
    if (strstr(text, piece))
        fail_msg("%s in %s", piece, text);
}

static void test_subscribe(void **state)
{
    struct ews_request r = request_of(EWS_OP_SUBSCRIBE);
    char *text = written(&r, "Exchange2010_SP2");

    (void)state;
    assert_has(text, "<t:RequestServerVersion Version=\"Exchange2010_SP2\"/>");
    assert_has(text, "<t:SmtpAddress>ann@presence.example</t:SmtpAddress>");
    assert_has(text, "<t:DistinguishedFolderId Id=\"calendar\"/>");
    assert_has(text, "<t:EventType>FreeBusyChangedEvent</t:EventType>");
    assert_has(text, "<t:StatusFrequency>60</t:StatusFrequency>");
    assert_has(text, "<t:URL>http://gw:50020/ews/notify/t&amp;k</t:URL>");
    assert_lacks(text, "StatusEvent");
    assert_lacks(text, "TimeZoneContext"); /* not among the headers of Subscribe */
    free(text);
}

static void test_subscribe_for_old_servers(void **state)
{
    struct ews_request r = request_of(EWS_OP_SUBSCRIBE);
    char *text = written(&r, "Exchange2007_SP1");

    (void)state;
    assert_has(text, "<t:PrimarySmtpAddress>ann@presence.example</t:PrimarySmtpAddress>");
    assert_lacks(text, "FreeBusyChangedEvent");
    free(text);
}

static void test_find_item(void **state)
{
    struct ews_request r = request_of(EWS_OP_FIND_ITEM);
    char *text;

    (void)state;
    r.from += 250; /* whole seconds, outwards */
    r.to += 250;
    text = written(&r, "Exchange2010_SP2");
    assert_has(text, "StartDate=\"2026-11-20T00:00:00Z\"");
    assert_has(text, "EndDate=\"2026-11-22T00:00:01Z\"");
    assert_has(text, "<t:TimeZoneDefinition Id=\"UTC\"/>");
    assert_has(text, "<t:BaseShape>IdOnly</t:BaseShape>");
    assert_has(text, "calendar:LegacyFreeBusyStatus");
    assert_lacks(text, "Subject");
    assert_lacks(text, "Location");
    assert_lacks(text, "Body>IdOnly");
    free(text);
    text = written(&r, "Exchange2007_SP1");
    assert_lacks(text, "TimeZoneContext");
    free(text);
}

/* Each field by itself: what it asks for, and nothing else. */
static void test_find_item_fields(void **state)
{
    static const struct {
        unsigned field;
        const char *uri[2];
    } c[] = {
        { GW_ITEM_SUBJECT, { "item:Subject" } },
        { GW_ITEM_LOCATION, { "calendar:Location" } },
        { GW_ITEM_CATEGORIES, { "item:Categories" } },
        { GW_ITEM_ORGANISER, { "calendar:Organizer" } },
        { GW_ITEM_ATTENDEES, { "item:DisplayTo", "item:DisplayCc" } },
        { GW_ITEM_RESPONSE, { "calendar:MyResponseType" } },
    };
    enum { FIELDS = sizeof(c) / sizeof(c[0]) };

    (void)state;
    for (unsigned asked = 0; asked < 1u << FIELDS; asked++) {
        struct ews_request r = request_of(EWS_OP_FIND_ITEM);
        char *text;

        r.item_fields = GW_ITEM_EXACT;
        for (int f = 0; f < FIELDS; f++)
            r.item_fields |= asked & 1u << f ? c[f].field : 0;
        text = written(&r, "Exchange2010_SP2");
        for (int f = 0; f < FIELDS; f++)
            for (int i = 0; i < 2 && c[f].uri[i]; i++)
                assert_true((strstr(text, c[f].uri[i]) != NULL) == ((asked & 1u << f) != 0));
        assert_lacks(text, "Body>IdOnly");
        assert_lacks(text, "item:Body");
        free(text);
    }
}

/* Further calendars go into the same request, behind the own one. */
static void test_further_calendars(void **state)
{
    static const struct gw_str ids[] = { GW_STR_INIT("AAMk+/1=="), GW_STR_INIT("AAMk2&") };
    static const enum ews_op ops[] = { EWS_OP_FIND_ITEM, EWS_OP_SUBSCRIBE };

    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct ews_request r = request_of(ops[i]);
        char *text = written(&r, "Exchange2007_SP1");

        assert_lacks(text, "t:FolderId Id");
        free(text);
        r.folders = ids;
        r.folder_count = 2;
        text = written(&r, "Exchange2007_SP1");
        assert_has(text, "FolderIds><t:DistinguishedFolderId Id=\"calendar\"/>"
                         "<t:FolderId Id=\"AAMk+/1==\"/><t:FolderId Id=\"AAMk2&amp;\"/></");
        free(text);
    }
}

static void test_too_many_calendars(void **state)
{
    struct gw_str ids[EWS_FOLDERS_MAX + 1];
    struct gw_err err = { GW_OK, "" };
    struct ews_request r = request_of(EWS_OP_FIND_ITEM);
    struct gw_buf out;

    (void)state;
    for (size_t i = 0; i < EWS_FOLDERS_MAX + 1; i++)
        ids[i] = GW_STR("AAMk");
    r.folders = ids;
    gw_buf_init(&out, EWS_REQUEST_MAX);
    r.folder_count = EWS_FOLDERS_MAX + 1;
    assert_int_equal(ews_request_write(&r, ews_dialect_default(), &out, &err), GW_INVALID);
    r.folder_count = EWS_FOLDERS_MAX;
    assert_int_equal(ews_request_write(&r, ews_dialect_default(), &out, &err), GW_OK);
    ids[3] = GW_STR("");
    assert_int_equal(ews_request_write(&r, ews_dialect_default(), &out, &err), GW_INVALID);
    gw_buf_done(&out);
}

static void test_availability(void **state)
{
    struct ews_request r = request_of(EWS_OP_AVAILABILITY);
    char *text = written(&r, "Exchange2010_SP2");

    (void)state;
    assert_has(text, "<t:StartTime>2026-11-20T00:00:00</t:StartTime>");
    assert_has(text, "<t:RequestedView>FreeBusyMerged</t:RequestedView>");
    assert_has(text, "<t:Address>ann@presence.example</t:Address>");
    assert_has(text, "<t:Address>&lt;o'brien&amp;sons&gt;@presence.example</t:Address>");
    assert_lacks(text, "ExchangeImpersonation");
    free(text);
}

static void test_oof(void **state)
{
    struct ews_request r = request_of(EWS_OP_OOF);
    char *text = written(&r, "Exchange2013_SP1");

    (void)state;
    assert_has(text, "<t:Mailbox><t:Address>ann@presence.example</t:Address></t:Mailbox>");
    assert_has(text, "<t:SmtpAddress>");
    free(text);
}

static const struct {
    enum ews_op op;
    enum ews_sub_mode mode;
    bool impersonates;
    const char *has[3], *lacks[3];
} written_case[] = {
    /* Never from where another one ended: what is older is read. */
    { EWS_OP_SUBSCRIBE,
      EWS_SUB_PUSH,
      true,
      { "<m:PushSubscriptionRequest>", "<t:StatusFrequency>60</t:StatusFrequency>" },
      { "Timeout", "Watermark" } },
    { EWS_OP_SUBSCRIBE,
      EWS_SUB_PULL,
      true,
      { "<m:PullSubscriptionRequest>", "<t:Timeout>10</t:Timeout>" },
      { "StatusFrequency", "<t:URL>", "Watermark" } },
    { EWS_OP_SUBSCRIBE,
      EWS_SUB_STREAMING,
      true,
      { "<m:StreamingSubscriptionRequest>" },
      { "StatusFrequency", "<t:URL>", "Timeout" } },
    { EWS_OP_UNSUBSCRIBE,
      EWS_SUB_PUSH,
      true,
      { "<m:SubscriptionId>EQBj==</m:SubscriptionId>" },
      { "Watermark" } },
    { EWS_OP_GET_EVENTS,
      EWS_SUB_PUSH,
      true,
      { "<m:SubscriptionId>EQBj==</m:SubscriptionId><m:Watermark>AQAA</m:Watermark>" },
      { NULL } },
    { EWS_OP_STREAM,
      EWS_SUB_PUSH,
      true,
      { "<t:SubscriptionId>ann@presence.example</t:SubscriptionId><t:SubscriptionId>",
        "<m:ConnectionTimeout>30</m:ConnectionTimeout>" },
      { NULL } },
    { EWS_OP_MAIL_TIPS,
      EWS_SUB_PUSH,
      false,
      { "<m:SendingAs><t:EmailAddress>ann@presence.example</t:EmailAddress></m:SendingAs>",
        "<t:EmailAddress>&lt;o'brien&amp;sons&gt;@presence.example</t:EmailAddress>",
        "<m:MailTipsRequested>OutOfOfficeMessage</m:MailTipsRequested>" },
      { NULL } },
    { EWS_OP_SYNC,
      EWS_SUB_PUSH,
      true,
      { "<t:BaseShape>IdOnly</t:BaseShape>", "<t:DistinguishedFolderId Id=\"calendar\"/>",
        "<m:MaxChangesReturned>512</m:MaxChangesReturned>" },
      { "m:SyncState", "Subject", "AdditionalProperties" } },
    { EWS_OP_GET_FOLDER,
      EWS_SUB_PUSH,
      true,
      { "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape>",
        "<m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:FolderIds>",
        "folder:DisplayName" },
      { NULL } },
    { EWS_OP_FIND_FOLDER,
      EWS_SUB_PUSH,
      true,
      { "<m:FindFolder Traversal=\"Deep\">",
        "<t:IsEqualTo><t:FieldURI FieldURI=\"folder:FolderClass\"/><t:FieldURIOrConstant>"
        "<t:Constant Value=\"IPF.Appointment\"/>",
        "<m:ParentFolderIds><t:DistinguishedFolderId Id=\"msgfolderroot\"/>"
        "<t:DistinguishedFolderId Id=\"deleteditems\"/></m:ParentFolderIds>" },
      { "AAMkAD==" } },
    { EWS_OP_DISCOVER,
      EWS_SUB_PUSH,
      false,
      { "<w:To>https://a/autodiscover/autodiscover.svc</w:To>",
        "<a:Mailbox>ann@presence.example</a:Mailbox>", "<a:Setting>InternalEwsUrl</a:Setting>" },
      { "RequestServerVersion", "m:", "t:" } },
    { EWS_OP_DISCOVER_POX,
      EWS_SUB_PUSH,
      false,
      { "<Request><EMailAddress>ann@presence.example</EMailAddress>",
        "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/"
        "responseschema/2006a<" },
      { "Envelope" } },
    { EWS_OP_RESOLVE,
      EWS_SUB_PUSH,
      false,
      { "<m:UnresolvedEntry>smtp:ann@presence.example</m:UnresolvedEntry>",
        "ReturnFullContactData=\"false\"" },
      { NULL } },
};

static void test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(written_case) / sizeof(written_case[0]); i++) {
        struct ews_request r = request_of(written_case[i].op);
        char *text;

        r.sub_mode = written_case[i].mode;
        text = written(&r, "Exchange2010_SP2");
        if ((strstr(text, "ExchangeImpersonation") != NULL) != written_case[i].impersonates)
            fail_msg("%s: impersonation", text);
        for (size_t k = 0; k < 3; k++) {
            if (written_case[i].has[k])
                assert_has(text, written_case[i].has[k]);
            if (written_case[i].lacks[k])
                assert_lacks(text, written_case[i].lacks[k]);
        }
        free(text);
    }
}

/* A server is not asked for what its generation does not have. */
static void test_unsupported(void **state)
{
    static const struct {
        enum ews_op op;
        enum ews_sub_mode mode;
        const char *first; /* version that has it */
    } c[] = {
        { EWS_OP_SUBSCRIBE, EWS_SUB_PUSH, "Exchange2007" },
        { EWS_OP_SUBSCRIBE, EWS_SUB_PULL, "Exchange2007" },
        { EWS_OP_SUBSCRIBE, EWS_SUB_STREAMING, "Exchange2010_SP1" },
        { EWS_OP_STREAM, EWS_SUB_PUSH, "Exchange2010_SP1" },
        { EWS_OP_MAIL_TIPS, EWS_SUB_PUSH, "Exchange2010" },
        { EWS_OP_SYNC, EWS_SUB_PUSH, "Exchange2007" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        const struct ews_dialect *first = ews_dialect_find(gw_str_of(c[i].first));
        struct ews_request r = request_of(c[i].op);

        r.sub_mode = c[i].mode;
        for (const struct ews_dialect *d = ews_dialect_of_server(15, 2); d;
             d = ews_dialect_lower(d)) {
            struct gw_err err = { GW_OK, "" };
            struct gw_buf out;

            gw_buf_init(&out, EWS_REQUEST_MAX);
            assert_int_equal(ews_request_write(&r, d, &out, &err),
                             ews_dialect_is_newer(first, d) ? GW_NOTFOUND : GW_OK);
            gw_buf_done(&out);
        }
    }
}

#define LONG_MAILBOX                                                                               \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"

static const struct {
    const char *name;
    enum ews_op op;
    const char *mailbox; /* NULL: a good one */
    int64_t from, to;    /* added */
    const char *url;
    unsigned frequency; /* 0: a good one */
    size_t mailbox_count;
} refused_case[] = {
    { "no mailbox", EWS_OP_FIND_ITEM, "", 0, 0, NULL, 0, 0 },
    { "header injection", EWS_OP_OOF, "a@b\r\nX-Evil: 1", 0, 0, NULL, 0, 0 },
    { "space", EWS_OP_OOF, "a b@c", 0, 0, NULL, 0, 0 },
    { "not UTF-8", EWS_OP_OOF, "\xff\xfe@c", 0, 0, NULL, 0, 0 },
    { "long mailbox", EWS_OP_SUBSCRIBE, LONG_MAILBOX, 0, 0, NULL, 0, 0 },
    { "empty window", EWS_OP_FIND_ITEM, NULL, 2 * (int64_t)GW_DAY_MS, 0, NULL, 0, 0 },
    { "before 1970", EWS_OP_FIND_ITEM, NULL, -2 * EWS_TEST_DAY, 0, NULL, 0, 0 },
    { "never", EWS_OP_FIND_ITEM, NULL, 0, INT64_MAX / 2, NULL, 0, 0 },
    { "window reversed", EWS_OP_AVAILABILITY, NULL, 3 * (int64_t)GW_DAY_MS, 0, NULL, 0, 1 },
    { "nobody", EWS_OP_AVAILABILITY, NULL, 0, 0, NULL, 0, 0 },
    { "too many", EWS_OP_AVAILABILITY, NULL, 0, 0, NULL, 0, EWS_AVAILABILITY_MAX + 1 },
    { "no URL", EWS_OP_SUBSCRIBE, NULL, 0, 0, "", 0, 0 },
    { "other URL", EWS_OP_SUBSCRIBE, NULL, 0, 0, "ftp://gw/", 0, 0 },
    { "frequency", EWS_OP_SUBSCRIBE, NULL, 0, 0, NULL, 1441, 0 },
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused_case) / sizeof(refused_case[0]); i++) {
        struct ews_request r = request_of(refused_case[i].op);
        struct gw_err err = { GW_OK, "" };
        struct gw_buf out;

        if (refused_case[i].mailbox)
            r.mailbox = gw_str_of(refused_case[i].mailbox);
        if (refused_case[i].url)
            r.notify_url = gw_str_of(refused_case[i].url);
        if (refused_case[i].frequency)
            r.status_frequency_min = refused_case[i].frequency;
        if (r.op == EWS_OP_AVAILABILITY)
            r.mailbox_count = refused_case[i].mailbox_count;
        r.from += refused_case[i].from;
        r.to += refused_case[i].to;
        gw_buf_init(&out, EWS_REQUEST_MAX);
        if (ews_request_write(&r, ews_dialect_default(), &out, &err) != GW_INVALID || out.len ||
            !err.msg[0])
            fail_msg("%s: was written", refused_case[i].name);
        gw_buf_done(&out);
    }
}

/* The texts and numbers of the other operations: each one wrong in turn. */
static void test_refused_fields(void **state)
{
    static char longer[EWS_SYNC_STATE_MAX + 1];
    static const struct gw_str none = { NULL, 0 }, cookie = GW_STR_INIT("a=b; c=d"),
                               line = GW_STR_INIT("a=b\r\nX-Evil: 1");
    struct ews_request r[16];
    size_t count = 0;

    (void)state;
    memset(longer, 'a', sizeof(longer));
    for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
        r[i] = request_of(EWS_OP_GET_EVENTS);
    r[count++].subscription_id = none;
    r[count++].subscription_id = (struct gw_str){ longer, EWS_ID_MAX + 1 };
    r[count++].watermark = none;
    r[count++].watermark = (struct gw_str){ longer, EWS_ID_MAX + 1 };
    r[count++].affinity = cookie;
    r[count++].affinity = line;
    r[count++].anchor = line;
    r[count].op = EWS_OP_UNSUBSCRIBE;
    r[count++].subscription_id = none;
    r[count].op = EWS_OP_STREAM;
    r[count++].subscription_id_count = 0;
    r[count].op = EWS_OP_STREAM;
    r[count++].subscription_id_count = EWS_STREAM_IDS_MAX + 1;
    r[count].op = EWS_OP_STREAM;
    r[count++].stream_timeout_min = 31;
    r[count].op = EWS_OP_SYNC;
    r[count++].sync_state = (struct gw_str){ longer, sizeof(longer) };
    r[count].op = EWS_OP_RESOLVE;
    r[count++].name = none;
    r[count].op = EWS_OP_MAIL_TIPS;
    r[count++].mailbox_count = EWS_MAIL_TIPS_MAX + 1;
    r[count].op = EWS_OP_SUBSCRIBE;
    r[count].sub_mode = EWS_SUB_PULL;
    r[count++].pull_timeout_min = 0;
    for (size_t i = 0; i < count; i++) {
        struct gw_err err = { GW_OK, "" };
        struct gw_buf out;

        gw_buf_init(&out, EWS_REQUEST_MAX);
        if (ews_request_write(&r[i], ews_dialect_default(), &out, &err) != GW_INVALID || out.len)
            fail_msg("case %zu was written", i);
        gw_buf_done(&out);
    }
}

static void test_two_hundred_longest_ids_fit(void **state)
{
    static char longest[EWS_ID_MAX];
    struct gw_str ids[EWS_STREAM_IDS_MAX];
    struct ews_request r = request_of(EWS_OP_STREAM);

    (void)state;
    memset(longest, '/', sizeof(longest));
    for (size_t i = 0; i < EWS_STREAM_IDS_MAX; i++)
        ids[i] = (struct gw_str){ longest, sizeof(longest) };
    r.subscription_ids = ids;
    r.subscription_id_count = EWS_STREAM_IDS_MAX;
    free(written(&r, "Exchange2010_SP2"));
}

static void test_hundred_longest_addresses_fit(void **state)
{
    struct gw_str longest[EWS_AVAILABILITY_MAX];
    struct ews_request r = request_of(EWS_OP_AVAILABILITY);
    char quotes[EWS_MAILBOX_MAX];

    (void)state;
    memset(quotes, '&', sizeof(quotes));
    for (size_t i = 0; i < EWS_AVAILABILITY_MAX; i++)
        longest[i] = (struct gw_str){ quotes, sizeof(quotes) };
    r.mailboxes = longest;
    r.mailbox_count = EWS_AVAILABILITY_MAX;
    free(written(&r, "Exchange2010_SP2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscribe),
        cmocka_unit_test(test_subscribe_for_old_servers),
        cmocka_unit_test(test_find_item),
        cmocka_unit_test(test_find_item_fields),
        cmocka_unit_test(test_further_calendars),
        cmocka_unit_test(test_too_many_calendars),
        cmocka_unit_test(test_availability),
        cmocka_unit_test(test_oof),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_fields),
        cmocka_unit_test(test_two_hundred_longest_ids_fit),
        cmocka_unit_test(test_hundred_longest_addresses_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
