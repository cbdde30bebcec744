/* Calendars that a mailbox has besides its own: found, read, subscribed to, each by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "mock_control.h"
#include "mock_note.h"
#include "mock_soap.h"

static const char scenario[] =
    "{\"accounts\": [{\"name\": \"svc\", \"password\": \"s\"}], \"users\": ["
    "{\"address\": \"ann@example\", \"calendars\": [\"Team\", \"Old\"], \"meetings\": ["
    " {\"start\": \"2026-11-20T09:00:00Z\", \"for\": \"1h\", \"subject\": \"Mine\"},"
    " {\"start\": \"2026-11-20T09:30:00Z\", \"for\": \"1h\", \"subject\": \"Ours\","
    "  \"calendar\": \"Team\"},"
    " {\"start\": \"2026-11-20T11:00:00Z\", \"for\": \"1h\", \"subject\": \"Again\","
    "  \"calendar\": \"Team\", \"repeat\": {\"every\": \"day\", \"count\": 3}}]},"
    "{\"address\": \"bob@example\"}]}";

struct world {
    struct net_loop *loop;
    struct mock_exchange *mx;
    struct mock_cas_place place;
    struct gw_now now;
    struct gw_buf out;
};

static int setup(void **state)
{
    struct world *w = gw_new(struct world);
    struct gw_err err;

    w->loop = net_loop_new();
    w->mx = mock_exchange_new(w->loop);
    w->now = (struct gw_now){ 5, 0 };
    (void)gw_utc_parse(GW_STR("2026-11-20T08:00:00Z"), &w->now.utc, NULL);
    gw_buf_init(&w->out, MOCK_ANSWER_MAX);
    assert_int_equal(mock_exchange_apply(w->mx, gw_str_of(scenario), &err), GW_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    mock_exchange_free(&w->mx);
    net_loop_free(&w->loop);
    gw_buf_done(&w->out);
    free(w);
    return 0;
}

/* On behalf of Ann. */
static void ask(struct world *w, const char *body)
{
    struct mock_request request = { .site = mock_site_get(w->mx->subs, "cas1"),
                                    .place = &w->place,
                                    .account = mock_account_find(w->mx->org, GW_STR("svc")) };
    struct mock_served served;
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    gw_buf_addf(&text,
                "<s:Envelope xmlns:s='" MOCK_NS_SOAP "' xmlns:t='" MOCK_NS_TYPES
                "' xmlns:m='" MOCK_NS_MESSAGES
                "'><s:Header><t:RequestServerVersion Version='Exchange2010_SP2'/>"
                "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>ann@example"
                "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>"
                "<s:Body>%s</s:Body></s:Envelope>",
                body);
    request.body = gw_buf_str(&text);
    gw_buf_reset(&w->out);
    mock_service_serve(&w->mx->service, &request, w->now, &w->out, &served);
    gw_buf_done(&text);
    gw_buf_add_char(&w->out, '\0');
}

static unsigned count_of(const struct world *w, const char *part)
{
    unsigned count = 0;

    for (const char *at = w->out.p; (at = strstr(at, part)); at++)
        count++;
    return count;
}

/* The control interface; what it does must work unless a status is named. */
static void control(struct world *w, const char *method, const char *path, const char *body,
                    int status)
{
    struct mock_control_request request = { .method = gw_str_of(method),
                                            .path = gw_str_of(path),
                                            .body = gw_str_of(body) };

    gw_buf_reset(&w->out);
    assert_int_equal(mock_control_serve(w->mx, &request, &w->out), status);
    gw_buf_add_char(&w->out, '\0');
}

static struct mock_mailbox *ann(const struct world *w)
{
    return mock_mailbox_by_smtp(w->mx->org, GW_STR("ann@example"));
}

static const char *id_of(const struct world *w, unsigned number)
{
    static struct mock_id id;

    id = mock_id_folder(ann(w)->number, mock_calendar_folder(number));
    return id.s;
}

#define FIND_FOLDER                                                                                \
    "<m:FindFolder Traversal='Deep'><m:FolderShape><t:BaseShape>Default</t:BaseShape>"             \
    "</m:FolderShape><m:IndexedPageFolderView MaxEntriesReturned='2' Offset='0' "                  \
    "BasePoint='Beginning'/><m:Restriction><t:IsEqualTo><t:FieldURI "                              \
    "FieldURI='folder:FolderClass'/><t:FieldURIOrConstant><t:Constant Value='IPF.Appointment'/>"   \
    "</t:FieldURIOrConstant></t:IsEqualTo></m:Restriction><m:ParentFolderIds>"                     \
    "<t:DistinguishedFolderId Id='%s'/></m:ParentFolderIds></m:FindFolder>"

static void find_folder(struct world *w, const char *below)
{
    char body[1000];

    snprintf(body, sizeof(body), FIND_FOLDER, below);
    ask(w, body);
}

/* By class, at any depth, so many as are wanted; deleted ones are in Deleted Items. */
static void test_found(void **state)
{
    struct world *w = *state;

    find_folder(w, "msgfolderroot");
    assert_int_equal(count_of(w, "<t:CalendarFolder>"), 2);
    assert_int_equal(count_of(w, "TotalItemsInView=\"3\" IncludesLastItemInRange=\"false\""), 1);
    assert_int_equal(count_of(w, "<t:Folder>"), 0);
    find_folder(w, "calendar");
    assert_int_equal(count_of(w, "<t:DisplayName>Team</t:DisplayName>"), 1);
    assert_int_equal(count_of(w, "<t:CalendarFolder>"), 2);
    find_folder(w, "deleteditems");
    assert_int_equal(count_of(w, "<t:CalendarFolder>"), 0);
    control(w, "DELETE", "/users/ann@example/calendars/2", "{\"moved\": true}", 200);
    find_folder(w, "calendar");
    assert_int_equal(count_of(w, "<t:CalendarFolder>"), 1);
    find_folder(w, "deleteditems");
    assert_int_equal(count_of(w, "<t:DisplayName>Old</t:DisplayName>"), 1);
    control(w, "DELETE", "/users/ann@example/calendars/2", "", 200);
    find_folder(w, "deleteditems");
    assert_int_equal(count_of(w, "<t:CalendarFolder>"), 0);
}

#define FIND_ITEM                                                                                  \
    "<m:FindItem "                                                                                 \
    "Traversal='Shallow'><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>"            \
    "%s<m:ParentFolderIds><t:DistinguishedFolderId Id='calendar'/><t:FolderId Id='%s'/>"           \
    "</m:ParentFolderIds></m:FindItem>"
#define DAY "<m:CalendarView StartDate='2026-11-20T00:00:00Z' EndDate='2026-11-21T00:00:00Z'/>"

static void find_items(struct world *w, const char *view, unsigned calendar)
{
    char body[1000];

    snprintf(body, sizeof(body), FIND_ITEM, view, id_of(w, calendar));
    ask(w, body);
}

/* Each folder has an answer of its own, with what is in it and nothing else. */
static void test_read(void **state)
{
    struct world *w = *state;
    const char *mine, *ours;

    find_items(w, DAY, 1);
    mine = strstr(w->out.p, "Mine");
    ours = strstr(w->out.p, "Ours");
    assert_true(mine && ours && mine < ours);
    assert_int_equal(count_of(w, "<t:CalendarItem>"), 3);
    assert_int_equal(count_of(w, "NoError"), 2);
    find_items(w, "", 1); /* as they are kept */
    assert_int_equal(count_of(w, "<t:CalendarItem>"), 3);
    control(w, "POST", "/users/ann@example/calendars/1", "{\"error\": \"ErrorAccessDenied\"}", 200);
    find_items(w, DAY, 1);
    assert_int_equal(count_of(w, "<t:CalendarItem>"), 1);
    assert_int_equal(count_of(w, "<m:ResponseCode>ErrorAccessDenied<"), 1);
    control(w, "POST", "/users/ann@example/calendars/1", "{\"error\": \"\"}", 200);
    control(w, "DELETE", "/users/ann@example/calendars/1", "", 200);
    assert_int_equal(mock_item_count(w->mx->org), 1);
    find_items(w, DAY, 1);
    assert_int_equal(count_of(w, "<m:ResponseCode>ErrorFolderNotFound<"), 1);
}

/* What others see, and what the own calendar's followers see, is of that one. */
static void test_own_only(void **state)
{
    struct world *w = *state;

    ask(w, "<m:SyncFolderItems><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>"
           "<m:SyncFolderId><t:DistinguishedFolderId Id='calendar'/></m:SyncFolderId>"
           "<m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>");
    assert_int_equal(count_of(w, "<t:Create>"), 1);
    ask(w, "<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>0</t:Bias><t:StandardTime><t:Bias>0"
           "</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month>"
           "<t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime><t:DaylightTime><t:Bias>0</t:Bias>"
           "<t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>"
           "Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone><m:MailboxDataArray><t:MailboxData>"
           "<t:Email><t:Address>ann@example</t:Address></t:Email><t:AttendeeType>Required"
           "</t:AttendeeType></t:MailboxData></m:MailboxDataArray><t:FreeBusyViewOptions>"
           "<t:TimeWindow><t:StartTime>2026-11-20T00:00:00</t:StartTime><t:EndTime>"
           "2026-11-21T00:00:00</t:EndTime></t:TimeWindow><t:RequestedView>FreeBusy"
           "</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>");
    assert_int_equal(count_of(w, "<t:CalendarEvent>"), 1);
}

#define SUBSCRIBE                                                                                  \
    "<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId "               \
    "Id='calendar'/>%s</t:FolderIds><t:EventTypes><t:EventType>CreatedEvent</t:EventType>"         \
    "<t:EventType>ModifiedEvent</t:EventType><t:EventType>DeletedEvent</t:EventType>"              \
    "<t:EventType>MovedEvent</t:EventType></t:EventTypes><t:Timeout>10</t:Timeout>"                \
    "</m:PullSubscriptionRequest></m:Subscribe>"

/* The last one made; calendar 0: of the own one alone. */
static struct mock_sub *subscribe(struct world *w, unsigned calendar)
{
    struct mock_sub *sub = NULL, *last = NULL;
    char body[1000], folder[100] = "";
    size_t pos = 0;

    if (calendar)
        snprintf(folder, sizeof(folder), "<t:FolderId Id='%s'/>", id_of(w, calendar));
    snprintf(body, sizeof(body), SUBSCRIBE, folder);
    ask(w, body);
    while ((sub = mock_sub_next(w->mx->subs, &pos)))
        if (!last || sub->number > last->number)
            last = sub;
    return last;
}

#define TEAM_MEETING                                                                               \
    "{\"start\": \"2026-11-20T09:00:00Z\", \"calendar\": \"Team\", \"subject\": \"x\"}"

/* Events say in which folder; of a calendar itself the parent's subscribers hear when it comes or goes. */
static void test_events(void **state)
{
    struct world *w = *state;
    struct mock_sub *own = subscribe(w, 0), *team = subscribe(w, 1);
    struct gw_buf note;
    char parent[120];

    assert_ptr_not_equal(own, team);
    control(w, "POST", "/users/ann@example/meetings", TEAM_MEETING, 200);
    assert_int_equal(own->queued, 0);
    assert_int_equal(team->queued, 2);
    team->in_call = 2;
    gw_buf_init(&note, 1 << 16);
    mock_note_write(team, &note);
    gw_buf_add_char(&note, '\0');
    snprintf(parent, sizeof(parent), "<t:ParentFolderId Id=\"%s\"", id_of(w, 1));
    assert_non_null(strstr(note.p, parent));
    snprintf(parent, sizeof(parent), "<t:FolderId Id=\"%s\"", id_of(w, 1));
    assert_non_null(strstr(note.p, parent));
    gw_buf_done(&note);
    control(w, "POST", "/users/ann@example/calendars/1", "{\"name\": \"Crew\"}", 200);
    assert_int_equal(own->queued, 0);
    assert_int_equal(team->queued, 3);
    control(w, "POST", "/users/ann@example/calendars", "{\"name\": \"New\"}", 200);
    assert_int_equal(own->queued, 1);
    control(w, "DELETE", "/users/ann@example/calendars/1", "{\"moved\": true}", 200);
    assert_int_equal(own->queued, 2);
    assert_int_equal(team->queued, 5);
}

static void test_refused(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int status;
    } c[] = {
        { "POST", "/users/ann@example/calendars", "{}", 400 },
        { "POST", "/users/ann@example/calendars", "{\"name\": \"Team\"}", 409 },
        { "POST", "/users/nobody@example/calendars", "{\"name\": \"x\"}", 404 },
        { "POST", "/users/ann@example/calendars/9", "{\"name\": \"x\"}", 404 },
        { "POST", "/users/ann@example/calendars/x", "{\"name\": \"x\"}", 404 },
        { "POST", "/users/ann@example/calendars/1", "{\"name\": \"Old\"}", 409 },
        { "POST", "/users/ann@example/calendars/1", "{\"error\": \"ErrorOfMine\"}", 400 },
        { "POST", "/users/bob@example/meetings", TEAM_MEETING, 404 },
        { "POST", "/meetings/1", "{\"calendar\": \"Team\"}", 400 },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
        control(w, c[i].method, c[i].path, c[i].body, c[i].status);
    control(w, "POST", "/users/ann@example/calendars/1", "{\"error\": \"ErrorAccessDenied\"}", 200);
    assert_null(subscribe(w, 1));
    assert_int_equal(count_of(w, "<m:ResponseCode>ErrorAccessDenied<"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
