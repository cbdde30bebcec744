/* What Exchange's operations cost the gateway: CPU of a request written and an answer read, without a
 * socket. (Over connections and with logins: bench_ews_login.)
 *
 *   bench_ews [ROUNDS]      20000 unless said otherwise */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ews_codec.h"

enum { ROUNDS = 20000, ITEMS = 10, MAILBOXES = 100, ANSWER_MAX = 4 * 1024 * 1024 };

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/"  \
    "soap/envelope/\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" "      \
    "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><s:Header>"          \
    "<t:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"2\" Version=\"V2017_07_11\"/>"        \
    "</s:Header><s:Body>"
#define TAIL "</s:Body></s:Envelope>"
#define ONE(op, body)                                                                              \
    HEAD "<m:" op "Response><m:ResponseMessages><m:" op                                            \
         "ResponseMessage ResponseClass=\"Success\">"                                              \
         "<m:ResponseCode>NoError</m:ResponseCode>" body "</m:" op                                 \
         "ResponseMessage></m:ResponseMessages></m:" op "Response>" TAIL

static struct gw_str ids[EWS_STREAM_IDS_MAX], mailboxes[MAILBOXES];

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void find_answer(struct gw_buf *out)
{
    gw_buf_add_cstr(out, HEAD "<m:FindItemResponse><m:ResponseMessages><m:FindItemResponseMessage "
                              "ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>"
                              "<m:RootFolder IncludesLastItemInRange=\"true\"><t:Items>");
    for (int i = 0; i < ITEMS; i++)
        gw_buf_addf(out,
                    "<t:CalendarItem><t:ItemId Id=\"AAMkADAxMjM0NTY3ODkwYWJjZGVmAAA%d\" "
                    "ChangeKey=\"DwAAAB==\"/><t:Sensitivity>Normal</t:Sensitivity><t:Start>"
                    "2026-11-%02dT09:00:00Z</t:Start><t:End>2026-11-%02dT10:00:00Z</t:End>"
                    "<t:IsAllDayEvent>false</t:IsAllDayEvent><t:LegacyFreeBusyStatus>Busy"
                    "</t:LegacyFreeBusyStatus><t:IsMeeting>true</t:IsMeeting><t:IsCancelled>false"
                    "</t:IsCancelled></t:CalendarItem>",
                    i, i + 1, i + 1);
    gw_buf_add_cstr(out, "</t:Items></m:RootFolder></m:FindItemResponseMessage>"
                         "</m:ResponseMessages></m:FindItemResponse>" TAIL);
}

static void availability_answer(struct gw_buf *out)
{
    gw_buf_add_cstr(out, HEAD "<m:GetUserAvailabilityResponse><m:FreeBusyResponseArray>");
    for (int m = 0; m < MAILBOXES; m++) {
        gw_buf_add_cstr(out, "<m:FreeBusyResponse><m:ResponseMessage ResponseClass=\"Success\">"
                             "<m:ResponseCode>NoError</m:ResponseCode></m:ResponseMessage>"
                             "<m:FreeBusyView><t:FreeBusyViewType>FreeBusyMerged"
                             "</t:FreeBusyViewType><t:CalendarEventArray>");
        for (int i = 0; i < ITEMS; i++)
            gw_buf_addf(out,
                        "<t:CalendarEvent><t:StartTime>2026-11-%02dT09:00:00</t:StartTime>"
                        "<t:EndTime>2026-11-%02dT10:00:00</t:EndTime><t:BusyType>Busy"
                        "</t:BusyType></t:CalendarEvent>",
                        i + 1, i + 1);
        gw_buf_add_cstr(out, "</t:CalendarEventArray></m:FreeBusyView></m:FreeBusyResponse>");
    }
    gw_buf_add_cstr(out, "</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>" TAIL);
}

static void tips_answer(struct gw_buf *out)
{
    gw_buf_add_cstr(out, HEAD "<m:GetMailTipsResponse ResponseClass=\"Success\"><m:ResponseCode>"
                              "NoError</m:ResponseCode><m:ResponseMessages>");
    for (int i = 0; i < EWS_MAIL_TIPS_MAX; i++)
        gw_buf_add_cstr(out, "<m:MailTipsResponseMessageType ResponseClass=\"Success\">"
                             "<m:ResponseCode>NoError</m:ResponseCode><m:MailTips>"
                             "<t:RecipientAddress><t:EmailAddress>ann@presence.example"
                             "</t:EmailAddress></t:RecipientAddress><t:PendingMailTips/>"
                             "<t:OutOfOffice><t:ReplyBody><t:Message/></t:ReplyBody>"
                             "</t:OutOfOffice></m:MailTips></m:MailTipsResponseMessageType>");
    gw_buf_add_cstr(out, "</m:ResponseMessages></m:GetMailTipsResponse>" TAIL);
}

static void put(struct gw_buf *out, const char *text)
{
    gw_buf_add_cstr(out, text);
}

static void subscribe_answer(struct gw_buf *out)
{
    put(out, ONE("Subscribe", "<m:SubscriptionId>EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkw"
                              "</m:SubscriptionId><m:Watermark>AQAAAAAAAAABAAAAAAAAAAE="
                              "</m:Watermark>"));
}

static void unsubscribe_answer(struct gw_buf *out)
{
    put(out, ONE("Unsubscribe", ""));
}

static void events_answer(struct gw_buf *out)
{
    put(out, ONE("GetEvents", "<m:Notification><t:SubscriptionId>EQBjYXMx</t:SubscriptionId>"
                              "<t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>AQAA"
                              "</t:Watermark></t:StatusEvent></m:Notification>"));
}

static void stream_answer(struct gw_buf *out)
{
    put(out,
        ONE("GetStreamingEvents",
            "<m:Notifications><m:Notification><t:SubscriptionId>EQBjYXMx</t:SubscriptionId>"
            "<t:CreatedEvent><t:TimeStamp>2026-11-20T09:15:02Z</t:TimeStamp><t:ItemId Id=\"AAMk\" "
            "ChangeKey=\"CQAA\"/><t:ParentFolderId Id=\"AQMk\" ChangeKey=\"AQAA\"/>"
            "</t:CreatedEvent></m:Notification></m:Notifications>"));
}

static void sync_answer(struct gw_buf *out)
{
    put(out, ONE("SyncFolderItems", "<m:SyncState>H4sIAAB=</m:SyncState>"
                                    "<m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"
                                    "<m:Changes/>"));
}

static void resolve_answer(struct gw_buf *out)
{
    put(out, ONE("ResolveNames",
                 "<m:ResolutionSet TotalItemsInView=\"1\" IncludesLastItemInRange=\"true\">"
                 "<t:Resolution><t:Mailbox><t:Name>Ann</t:Name><t:EmailAddress>ann@x.example"
                 "</t:EmailAddress></t:Mailbox></t:Resolution></m:ResolutionSet>"));
}

static void oof_answer(struct gw_buf *out)
{
    put(out, HEAD "<m:GetUserOofSettingsResponse><m:ResponseMessage ResponseClass=\"Success\">"
                  "<m:ResponseCode>NoError</m:ResponseCode></m:ResponseMessage><t:OofSettings>"
                  "<t:OofState>Disabled</t:OofState><t:ExternalAudience>All</t:ExternalAudience>"
                  "<t:InternalReply><t:Message/></t:InternalReply></t:OofSettings>"
                  "</m:GetUserOofSettingsResponse>" TAIL);
}

static const struct {
    enum ews_op op;
    const char *what;
    void (*answer)(struct gw_buf *out);
    unsigned share; /* rounds are divided by it */
} bench[] = {
    { EWS_OP_SUBSCRIBE, "push", subscribe_answer, 1 },
    { EWS_OP_UNSUBSCRIBE, "", unsubscribe_answer, 1 },
    { EWS_OP_GET_EVENTS, "nothing new", events_answer, 1 },
    { EWS_OP_STREAM, "200 ids, one event", stream_answer, 4 },
    { EWS_OP_FIND_ITEM, "10 items", find_answer, 4 },
    { EWS_OP_AVAILABILITY, "100 mailboxes of 10 events", availability_answer, 100 },
    { EWS_OP_OOF, "", oof_answer, 1 },
    { EWS_OP_MAIL_TIPS, "50 mailboxes", tips_answer, 20 },
    { EWS_OP_SYNC, "nothing new", sync_answer, 1 },
    { EWS_OP_RESOLVE, "one name", resolve_answer, 1 },
};
enum { BENCHES = sizeof(bench) / sizeof(bench[0]) };

/* ---- without a socket ------------------------------------------------------------------------- */

static struct ews_request request_of(enum ews_op op)
{
    return (struct ews_request){ .op = op,
                                 .mailbox = GW_STR_INIT("user0001@x.example"),
                                 .mailboxes = mailboxes,
                                 .mailbox_count =
                                     op == EWS_OP_MAIL_TIPS ? EWS_MAIL_TIPS_MAX : MAILBOXES,
                                 .from = 1795132800000,
                                 .to = 1795132800000 + 2 * (gw_utc)GW_DAY_MS,
                                 .notify_url = GW_STR_INIT("http://gw:50020/ews/notify/0123456789"),
                                 .status_frequency_min = 60,
                                 .subscription_id = GW_STR_INIT("EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAx"),
                                 .watermark = GW_STR_INIT("AQAAAAAAAAABAAAAAAAAAAE="),
                                 .subscription_ids = ids,
                                 .subscription_id_count = EWS_STREAM_IDS_MAX,
                                 .stream_timeout_min = 30,
                                 .sync_state = GW_STR_INIT("H4sIAAA="),
                                 .name = GW_STR_INIT("user0001@x.example") };
}

static double write_us(const struct ews_request *r, unsigned rounds, size_t *bytes)
{
    double begun = cpu_us();
    struct gw_buf out;

    for (unsigned i = 0; i < rounds; i++) {
        gw_buf_init(&out, EWS_REQUEST_MAX);
        if (ews_request_write(r, ews_dialect_default(), &out, NULL))
            abort();
        *bytes = out.len;
        gw_buf_done(&out);
    }
    return (cpu_us() - begun) / rounds;
}

static double parse_us(const struct ews_request *r, struct gw_str body, unsigned rounds)
{
    struct ews_http http = { .status = 200, .body = body };
    double begun = cpu_us();
    struct ews_answer answer;
    struct gw_arena arena;

    for (unsigned i = 0; i < rounds; i++) {
        gw_arena_init(&arena, EWS_ANSWER_ARENA);
        ews_answer_parse(r, &http, &arena, &answer);
        if (answer.status.class)
            abort();
        gw_arena_done(&arena);
    }
    return (cpu_us() - begun) / rounds;
}

static void bench_codecs(unsigned rounds)
{
    printf("%-22s %-27s %10s %10s %10s %10s\n", "operation", "", "sent B", "answer B", "write us",
           "read us");
    for (size_t i = 0; i < BENCHES; i++) {
        struct ews_request r = request_of(bench[i].op);
        unsigned n = rounds / bench[i].share + 1;
        struct gw_buf body;
        size_t sent = 0;
        double write, parse;

        gw_buf_init(&body, ANSWER_MAX);
        bench[i].answer(&body);
        write = write_us(&r, n, &sent);
        parse = parse_us(&r, gw_buf_str(&body), n);
        printf("%-22s %-27s %10zu %10zu %10.1f %10.1f\n", ews_op_name(r.op), bench[i].what, sent,
               body.len, write, parse);
        gw_buf_done(&body);
    }
}

int main(int argc, char **argv)
{
    int64_t rounds = ROUNDS;

    if (argc > 1 && !gw_str_to_int(gw_str_of(argv[1]), 1, 10000000, &rounds)) {
        fprintf(stderr, "usage: bench_ews [ROUNDS]\n");
        return 2;
    }
    for (size_t i = 0; i < EWS_STREAM_IDS_MAX; i++)
        ids[i] = GW_STR("EQBjYXMxLmV4Y2guZXhhbXBsZRAAAAAxMjM0NTY3ODkwYWJjZGVmAAAAAAAAAAA=");
    for (size_t i = 0; i < MAILBOXES; i++)
        mailboxes[i] = GW_STR("somebody@presence.example");
    bench_codecs((unsigned)rounds);
    return 0;
}
