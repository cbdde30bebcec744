/* A rule or a setting of any form is taken or refused; what is taken matches any item without harm, and a
 * setting that was taken is written as one that means the same. The first line is the text, what follows
 * is the item's. */
#include <stdlib.h>

#include "bridge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void match(struct gw_str rule, struct gw_str text)
{
    const struct gw_item item = { .interval = { .start = 0, .end = 10, .busy = GW_BUSY_BUSY },
                                  .attendees = (int)text.len,
                                  .subject = text,
                                  .location = text,
                                  .calendar = text,
                                  .is_further = text.len % 2,
                                  .organiser = text,
                                  .organiser_address = text,
                                  .categories = &text,
                                  .category_count = 1 };
    struct bridge_policy *p = bridge_policy_new();
    unsigned short tag;

    if (bridge_policy_add_rule(p, 5, GW_STR("r"), rule, NULL) == GW_OK) {
        tag = bridge_policy_tag(p, &item);
        if ((tag != 0 && tag != 5) || !bridge_policy_needs(p) ||
            (tag && item.is_further && !bridge_policy_looks_at(p, text)))
            abort();
    } else if (bridge_policy_needs(p)) {
        abort();
    }
    bridge_policy_free(&p);
}

static void set(size_t key, struct gw_str value)
{
    const struct gw_str name = gw_str_of(bridge_setting_key(key));
    struct bridge_policy *p = bridge_policy_new(), *again = bridge_policy_new();
    struct gw_buf a, b;

    gw_buf_init(&a, 8 * BRIDGE_SETTING_MAX);
    gw_buf_init(&b, 8 * BRIDGE_SETTING_MAX);
    if (bridge_policy_set(p, name, value, NULL) == GW_OK) {
        bridge_policy_write(p, key, &a);
        if (a.len <= BRIDGE_SETTING_MAX &&
            bridge_policy_set(again, name, gw_buf_str(&a), NULL) != GW_OK)
            abort();
        bridge_policy_write(again, key, &b);
        if (a.len <= BRIDGE_SETTING_MAX && !gw_str_eq(gw_buf_str(&a), gw_buf_str(&b)))
            abort();
    }
    gw_buf_done(&a);
    gw_buf_done(&b);
    bridge_policy_free(&p);
    bridge_policy_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_str text = { (const char *)data, len }, item = { NULL, 0 };

    (void)gw_str_cut(text, "\n", &text, &item);
    match(text, item);
    for (size_t key = 0; bridge_setting_key(key); key += 4) /* one of each kind */
        set(key, text);
    set(22, text);
    set(23, text);
    return 0;
}
