/* What requests cost the mock Exchange: a child process is one with many mailboxes of ten meetings, on
 * HTTP; this one asks it over kept-alive connections, and reads the child's CPU time and memory.
 *
 *   bench_mock [MAILBOXES] [REQUESTS]      100000 and 20000 of each kind unless said otherwise */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gw_mem.h"
#include "mock_exchange.h"
#include "net_http_client.h"

#define NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"
#define NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"

enum { CONNECTIONS = 16, MEETINGS = 10, AVAILABILITY_USERS = 100 };

/* --- the child --- */

static void child_run(int64_t mailboxes, int ready)
{
    struct net_loop *loop = net_loop_new();
    struct mock_exchange *mx = mock_exchange_new(loop);
    char scenario[400];
    uint16_t port = 0;
    struct gw_err err;

    snprintf(scenario, sizeof(scenario),
             "{\"accounts\": [{\"name\": \"svc\", \"password\": \"secret\"}], \"cas\": [{}], "
             "\"users\": [{\"count\": %" PRId64 ", \"random\": {\"per_user\": %d}}]}",
             mailboxes, MEETINGS);
    if (mock_exchange_apply(mx, gw_str_of(scenario), &err))
        fprintf(stderr, "bench_mock: %s\n", err.msg);
    else
        port = mock_exchange_cas_port(mx, "cas1");
    if (write(ready, &port, sizeof(port)) == sizeof(port) && port)
        net_loop_run(loop);
    _exit(0);
}

/* Milliseconds of CPU time, and megabytes, of a process. */
static double cpu_ms(pid_t pid)
{
    char name[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    FILE *f;
    char *p;

    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    f = fopen(name, "r");
    if (!f || !fgets(text, sizeof(text), f) || !(p = strrchr(text, ')')))
        exit(1);
    fclose(f);
    p += 2;
    for (int field = 3; field < 14; field++)
        p = strchr(p, ' ') + 1;
    user = strtoul(p, &p, 10);
    system = strtoul(p, &p, 10);
    return 1000.0 * (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double memory_mb(pid_t pid)
{
    char name[64], line[256];
    double kb = 0;
    FILE *f;

    snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
    f = fopen(name, "r");
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, "VmRSS:", 6))
            kb = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

/* --- the load --- */

struct load {
    struct net_loop *loop;
    char url[80];
    void (*body)(int64_t user, int64_t users, struct gw_buf *out);
    int64_t users, count, begun, ended, failed;
};

struct conn {
    struct load *load;
    struct net_http_slot *slot;
};

static void subscribe_body(int64_t user, int64_t users, struct gw_buf *out)
{
    (void)user;
    (void)users;
    gw_buf_add_cstr(out, "<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>"
                         "<t:DistinguishedFolderId Id='calendar'/></t:FolderIds><t:EventTypes>"
                         "<t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent"
                         "</t:EventType><t:EventType>DeletedEvent</t:EventType></t:EventTypes>"
                         "<t:Timeout>1440</t:Timeout></m:PullSubscriptionRequest></m:Subscribe>");
}

/* With today and the day after tomorrow for "<1" and "<2". */
static void window_put(struct gw_buf *out, const char *format)
{
    gw_utc now = (gw_utc)time(NULL) * 1000;
    char from[GW_UTC_TEXT_MAX], to[GW_UTC_TEXT_MAX];

    (void)gw_utc_text(now - now % GW_DAY_MS, from);
    (void)gw_utc_text(now - now % GW_DAY_MS + 2 * GW_DAY_MS, to);
    for (const char *p = format; *p; p++) {
        if (*p == '<' && p[1] == '1')
            gw_buf_add_cstr(out, from);
        else if (*p == '<' && p[1] == '2')
            gw_buf_add_cstr(out, to);
        else {
            gw_buf_add_char(out, *p);
            continue;
        }
        p++;
    }
}

static void find_body(int64_t user, int64_t users, struct gw_buf *out)
{
    (void)user;
    (void)users;
    window_put(out, "<m:FindItem Traversal='Shallow'><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
                    "<t:AdditionalProperties><t:FieldURI FieldURI='calendar:Start'/>"
                    "<t:FieldURI FieldURI='calendar:End'/>"
                    "<t:FieldURI FieldURI='calendar:LegacyFreeBusyStatus'/>"
                    "</t:AdditionalProperties></m:ItemShape>"
                    "<m:CalendarView StartDate='<1' EndDate='<2'/><m:ParentFolderIds>"
                    "<t:DistinguishedFolderId Id='calendar'/></m:ParentFolderIds></m:FindItem>");
}

static void availability_body(int64_t user, int64_t users, struct gw_buf *out)
{
    static const char zone[] =
        "<t:TimeZone><t:Bias>0</t:Bias><t:StandardTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time>"
        "<t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>"
        "</t:StandardTime><t:DaylightTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time>"
        "<t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>"
        "</t:DaylightTime></t:TimeZone>";

    gw_buf_addf(out, "<m:GetUserAvailabilityRequest>%s<m:MailboxDataArray>", zone);
    for (int64_t i = 0; i < AVAILABILITY_USERS; i++)
        gw_buf_addf(out,
                    "<t:MailboxData><t:Email><t:Address>user%04" PRId64 "@example</t:Address>"
                    "</t:Email><t:AttendeeType>Required</t:AttendeeType></t:MailboxData>",
                    (user + i) % users + 1);
    window_put(out, "</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow><t:StartTime><1"
                    "</t:StartTime><t:EndTime><2</t:EndTime></t:TimeWindow>"
                    "<t:MergedFreeBusyIntervalInMinutes>30</t:MergedFreeBusyIntervalInMinutes>"
                    "<t:RequestedView>FreeBusyMerged</t:RequestedView></t:FreeBusyViewOptions>"
                    "</m:GetUserAvailabilityRequest>");
}

static void conn_next(struct conn *c);

static void on_done(const struct net_http_answer *answer, void *ctx)
{
    struct conn *c = ctx;
    struct load *load = c->load;

    load->ended++;
    if (answer->code || answer->status != 200 ||
        !memmem(answer->body.p, answer->body.len, "NoError", 7))
        load->failed++;
    if (load->ended == load->count)
        net_loop_stop(load->loop);
    else
        conn_next(c);
}

static void conn_next(struct conn *c)
{
    static const char *const headers[] = { "Content-Type: text/xml",
                                           "Authorization: Basic c3ZjOnNlY3JldA==", NULL };
    struct load *load = c->load;
    struct net_http_request request = { .method = "POST",
                                        .url = load->url,
                                        .headers = headers,
                                        .timeout_ms = 60000,
                                        .body_max = 16 * 1024 * 1024 };
    int64_t user;
    struct gw_buf text;

    if (load->begun == load->count)
        return;
    user = load->begun++ % load->users;
    gw_buf_init(&text, 1 << 20);
    gw_buf_addf(&text,
                "<s:Envelope xmlns:s='" NS_SOAP "' xmlns:t='" NS_TYPES "' xmlns:m='" NS_MESSAGES
                "'><s:Header><t:RequestServerVersion Version='Exchange2010_SP2'/>"
                "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>user%04" PRId64
                "@example</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>"
                "<s:Body>",
                user + 1);
    load->body(user, load->users, &text);
    gw_buf_add_cstr(&text, "</s:Body></s:Envelope>");
    request.body = gw_buf_str(&text);
    net_http_start(c->slot, &request, NULL, on_done, c);
    gw_buf_done(&text);
}

static void phase(struct load *load, struct conn *conn, pid_t pid, const char *name, int64_t count,
                  void (*body)(int64_t user, int64_t users, struct gw_buf *out))
{
    double cpu = cpu_ms(pid);

    load->body = body;
    load->count = count;
    load->begun = load->ended = load->failed = 0;
    for (int i = 0; i < CONNECTIONS; i++)
        conn_next(&conn[i]);
    net_loop_run(load->loop);
    cpu = cpu_ms(pid) - cpu;
    printf("%-40s %8.0f /s of CPU  %7.1f us each  %6.0f MB  %" PRId64 " failed\n", name,
           1000.0 * (double)count / cpu, 1000.0 * cpu / (double)count, memory_mb(pid),
           load->failed);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct load load = { .users = 100000 };
    struct conn conn[CONNECTIONS];
    struct net_http_slot_args slot = { .user_agent = "bench" };
    int64_t requests = 20000;
    uint16_t port = 0;
    int ready[2];
    pid_t pid;

    if ((argc > 1 && !gw_str_to_int(gw_str_of(argv[1]), 1, 1000000, &load.users)) ||
        (argc > 2 && !gw_str_to_int(gw_str_of(argv[2]), CONNECTIONS, INT32_MAX, &requests)) ||
        pipe(ready)) {
        fprintf(stderr, "usage: bench_mock [MAILBOXES] [REQUESTS]\n");
        return 2;
    }
    pid = fork();
    if (!pid)
        child_run(load.users, ready[1]);
    if (pid < 0 || read(ready[0], &port, sizeof(port)) != sizeof(port) || !port)
        return 1;
    printf("%" PRId64 " mailboxes with %d meetings: %.0f ms of CPU to make, %.0f MB\n", load.users,
           MEETINGS, cpu_ms(pid), memory_mb(pid));
    load.loop = net_loop_new();
    snprintf(load.url, sizeof(load.url), "http://127.0.0.1:%u/EWS/Exchange.asmx", port);
    for (int i = 0; i < CONNECTIONS; i++)
        conn[i] = (struct conn){ &load, net_http_slot_new(load.loop, &slot) };
    phase(&load, conn, pid, "Subscribe", requests, subscribe_body);
    phase(&load, conn, pid, "FindItem, CalendarView of 2 days", requests, find_body);
    phase(&load, conn, pid, "GetUserAvailability of 100 mailboxes", requests / 20,
          availability_body);
    for (int i = 0; i < CONNECTIONS; i++)
        net_http_slot_free(&conn[i].slot);
    net_loop_free(&load.loop);
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
    return 0;
}
