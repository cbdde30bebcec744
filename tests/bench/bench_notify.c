/* Load for the push listener: posts SendNotification with one StatusEvent to subscriptions in turn, as
 * an Exchange server that pings, over a few kept-alive connections.
 *
 *   bench_notify FILE COUNT CONNECTIONS      FILE: lines "URL SUBSCRIPTION-ID"
 *
 * What it costs the gateway is read off the gateway's process by scripts/bench. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "net_http_client.h"
#include "xml_write.h"

#define NS_SOAP  "http://schemas.xmlsoap.org/soap/envelope/"
#define NS_TYPES "http://schemas.microsoft.com/exchange/services/2006/types"
#define NS_MSGS  "http://schemas.microsoft.com/exchange/services/2006/messages"

enum { TARGETS_MAX = 1000000, CONNECTIONS_MAX = 256, LINE_MAX_LEN = 8192 };

struct target {
    char *url, *id;
};

struct load {
    struct net_loop *loop;
    struct target *target;
    size_t targets;
    int64_t count, begun, ended, ok, other, failed;
};

struct conn {
    struct load *load;
    struct net_http_slot *slot;
};

static const char *const headers[] = { "Content-Type: text/xml; charset=utf-8", "Accept: text/xml",
                                       NULL };

static void body_write(const char *id, struct gw_buf *out)
{
    struct xml_writer w;
    static const char watermark[] = "AQAAAAAAAAABAAAAAAAAAAE=";

    xml_write_init(&w, out);
    xml_write_declaration(&w);
    xml_open(&w, "soap11:Envelope");
    xml_put_attr(&w, "xmlns:soap11", GW_STR(NS_SOAP));
    xml_open(&w, "soap11:Body");
    xml_open(&w, "m:SendNotification");
    xml_put_attr(&w, "xmlns:t", GW_STR(NS_TYPES));
    xml_put_attr(&w, "xmlns:m", GW_STR(NS_MSGS));
    xml_open(&w, "m:ResponseMessages");
    xml_open(&w, "m:SendNotificationResponseMessage");
    xml_put_attr(&w, "ResponseClass", GW_STR("Success"));
    xml_put(&w, "m:ResponseCode", GW_STR("NoError"));
    xml_open(&w, "m:Notification");
    xml_put(&w, "t:SubscriptionId", gw_str_of(id));
    xml_put(&w, "t:PreviousWatermark", gw_str_of(watermark));
    xml_put(&w, "t:MoreEvents", GW_STR("false"));
    xml_open(&w, "t:StatusEvent");
    xml_put(&w, "t:Watermark", gw_str_of(watermark));
    while (w.depth > 0)
        xml_close(&w);
}

static void conn_next(struct conn *c);

static void on_done(const struct net_http_answer *answer, void *ctx)
{
    struct conn *c = ctx;
    struct load *load = c->load;

    load->ended++;
    if (answer->code)
        load->failed++;
    else if (answer->status == 200 && memmem(answer->body.p, answer->body.len, ">OK<", 4))
        load->ok++;
    else
        load->other++;
    if (load->ended == load->count)
        net_loop_stop(load->loop);
    else
        conn_next(c);
}

static void conn_next(struct conn *c)
{
    struct load *load = c->load;
    const struct target *target;
    struct gw_buf body;

    if (load->begun == load->count)
        return;
    target = &load->target[(size_t)load->begun++ % load->targets];
    gw_buf_init(&body, 64 * 1024);
    body_write(target->id, &body);
    net_http_start(c->slot,
                   &(struct net_http_request){ .method = "POST",
                                               .url = target->url,
                                               .headers = headers,
                                               .body = gw_buf_str(&body),
                                               .timeout_ms = 10000,
                                               .body_max = 64 * 1024 },
                   NULL, on_done, c);
    gw_buf_done(&body);
}

static bool targets_read(const char *path, struct load *load)
{
    FILE *f = fopen(path, "r");
    char line[LINE_MAX_LEN];

    if (!f) {
        perror(path);
        return false;
    }
    load->target = gw_realloc(NULL, TARGETS_MAX, sizeof(*load->target));
    while (load->targets < TARGETS_MAX && fgets(line, sizeof(line), f)) {
        struct gw_str url, id;

        if (gw_str_cut(gw_str_trim(gw_str_of(line)), " ", &url, &id)) {
            load->target[load->targets].url = gw_str_dup(url);
            load->target[load->targets++].id = gw_str_dup(id);
        }
    }
    fclose(f);
    return load->targets > 0;
}

int main(int argc, char **argv)
{
    struct load load = { 0 };
    struct conn conn[CONNECTIONS_MAX];
    struct gw_now begin, end;
    int64_t connections;

    if (argc != 4 || !gw_str_to_int(gw_str_of(argv[2]), 1, INT32_MAX, &load.count) ||
        !gw_str_to_int(gw_str_of(argv[3]), 1, CONNECTIONS_MAX, &connections)) {
        fprintf(stderr, "usage: bench_notify FILE COUNT CONNECTIONS\n");
        return 2;
    }
    if (!targets_read(argv[1], &load))
        return 1;
    load.loop = net_loop_new();
    begin = net_loop_now(load.loop);
    for (int64_t i = 0; i < connections; i++) {
        conn[i].load = &load;
        conn[i].slot = net_http_slot_new(
            load.loop, &(struct net_http_slot_args){ .user_agent = "bench_notify" });
        conn_next(&conn[i]);
    }
    net_loop_run(load.loop);
    end = net_loop_now(load.loop);
    printf("{\"ok\": %" PRId64 ", \"other\": %" PRId64 ", \"failed\": %" PRId64
           ", \"wall_ms\": %" PRId64 "}\n",
           load.ok, load.other, load.failed, end.mono - begin.mono);
    for (int64_t i = 0; i < connections; i++)
        net_http_slot_free(&conn[i].slot);
    net_loop_free(&load.loop);
    for (size_t i = 0; i < load.targets; i++) {
        free(load.target[i].url);
        free(load.target[i].id);
    }
    free(load.target);
    return load.ok == load.count ? 0 : 1;
}
