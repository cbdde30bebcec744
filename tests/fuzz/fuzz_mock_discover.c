/* Any bytes as an Autodiscover request: always an answer, and never a crash. */
#include <stdint.h>
#include <stdlib.h>

#include "mock_discover.h"

static void world_init(struct mock_service *service)
{
    struct mock_mailbox_args box = { .address = GW_STR("ann@example") };
    struct mock_mailbox *mailbox;

    mock_service_defaults(service);
    service->org = mock_org_new();
    service->places = mock_places_new();
    (void)mock_mailbox_add(service->org, &box, &mailbox, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static mock_discover_fn *const protocol[] = { mock_discover_pox, mock_discover_soap };
    static struct mock_service service;

    if (!service.org)
        world_init(&service);
    for (size_t i = 0; i < 2; i++) {
        struct mock_served served;
        struct gw_buf out;

        gw_buf_init(&out, MOCK_ANSWER_MAX);
        protocol[i](&service, (struct gw_str){ (const char *)bytes, len }, (struct gw_now){ 1, 1 },
                    &out, &served);
        if (out.failed || !out.len)
            abort();
        gw_buf_done(&out);
    }
    return 0;
}
