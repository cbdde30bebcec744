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

/* mock_calendar.c */
void mock_calendar_free(struct mock_calendar **calendarp);

/* mock_item.c */
void mock_items_drop_of(struct mock_org *org, struct mock_mailbox *mailbox, unsigned calendar);
void mock_item_free(struct mock_item *item);
void mock_item_tell(struct mock_org *org, const struct mock_item *item, enum mock_change_kind kind,
                    bool free_busy, struct gw_now now);

/* mock_series.c: hours and days of a new or changed series, and what happens to its occurrences. */
enum gw_code mock_series_make(const struct mock_item_data *data,
                              const struct mock_recurrence *recurrence, struct mock_series **out,
                              struct gw_err *err);
void mock_series_free(struct mock_series **seriesp);
void mock_series_put(struct mock_series *series, int64_t day, struct mock_item *item);
struct mock_exception *mock_series_exception(const struct mock_series *series, int64_t day);

#endif
