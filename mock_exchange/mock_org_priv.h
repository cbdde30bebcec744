/* What the organisation's own files share. */
#ifndef MOCK_ORG_PRIV_H
#define MOCK_ORG_PRIV_H

#include "gw_log.h"
#include "mock_org.h"

struct mock_org {
    struct gw_map *accounts; /* name -> struct mock_account */
    unsigned lockout_tries;
    int64_t lockout_ms;
    struct gw_map *by_smtp; /* primary address or alias -> struct mock_mailbox */
    struct gw_map *by_upn;
    struct gw_map *items;            /* key -> struct mock_item */
    struct mock_mailbox **mailboxes; /* [number - 1] */
    size_t mailbox_count, mailbox_cap, mailbox_live;
    uint64_t last_item;
    mock_change_fn *observer;
    void *observer_ctx;
};

char *mock_lower_dup(struct gw_str s);
void mock_item_free(struct mock_item *item);

#endif
