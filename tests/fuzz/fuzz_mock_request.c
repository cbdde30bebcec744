/* Any bytes as a request body: always an answer, and never a crash. */
#include <stdint.h>
#include <stdlib.h>

#include "mock_service.h"

static void want(void *ctx, struct mock_sub *sub)
{
    (void)ctx;
    (void)sub;
}

static const struct mock_sender sender = { want, want, NULL };

struct world {
    struct mock_service service;
    struct mock_request request;
    struct mock_cas_place place;
};

static void world_init(struct world *w)
{
    struct mock_subs_args subs = { .push = &sender };
    struct mock_account_args account = { .name = GW_STR("svc"), .rights = MOCK_RIGHTS_ALL };
    struct mock_mailbox_args box = { .address = GW_STR("ann@presence.example") };
    struct mock_item_data data = { .busy = GW_BUSY_BUSY };
    struct gw_now now = { 0, 0 };
    struct mock_mailbox *ann;

    w->service.places = mock_places_new();
    mock_service_defaults(&w->service);
    w->service.org = mock_org_new();
    w->service.subs = mock_subs_new(&subs);
    w->service.streams = mock_streams_new(&w->service);
    w->service.zones = mock_zones_new();
    (void)mock_account_put(w->service.org, &account, NULL);
    (void)mock_mailbox_add(w->service.org, &box, &ann, NULL);
    (void)gw_utc_parse(GW_STR("2026-11-20T09:00:00Z"), &data.start, NULL);
    data.end = data.start + GW_HOUR_MS;
    (void)mock_item_add(w->service.org, ann, &data, NULL, now, NULL, NULL);
    w->request.account = mock_account_find(w->service.org, GW_STR("svc"));
    w->request.site = mock_site_get(w->service.subs, "cas1");
    w->request.place = &w->place;
}

/* What inputs have saved; the first item stays, since others ask for it. */
static void tidy(struct mock_org *org)
{
    struct mock_mailbox *ann = mock_mailbox_by_number(org, 1);

    while (ann->item_count > 10)
        mock_item_delete(org, ann->items[ann->item_count - 1], false, (struct gw_now){ 1, 1 });
    while (ann->master_count > 10)
        mock_item_delete(org, ann->masters[0], false, (struct gw_now){ 1, 1 });
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct world w;
    struct mock_served served;
    struct gw_buf out;

    if (!w.service.org)
        world_init(&w);
    gw_buf_init(&out, MOCK_ANSWER_MAX);
    w.request.body = (struct gw_str){ (const char *)bytes, len };
    mock_service_serve(&w.service, &w.request, (struct gw_now){ 1, 1 }, &out, &served);
    if (out.failed || !out.len)
        abort();
    tidy(w.service.org);
    mock_stream_free(&served.stream, (struct gw_now){ 1, 1 });
    mock_service_peek(&w.service, w.request.body, &served);
    (void)mock_site_lose(w.service.subs, w.request.site);
    gw_buf_done(&out);
    return 0;
}
