/* Calendar items: an array by start in each mailbox, and one map by number for the control. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "mock_org_priv.h"

static const char *const sensitivity_name[] = { "Normal", "Personal", "Private", "Confidential" };
static const char *const response_name[] = { "Unknown", "Organizer", "Tentative",
                                             "Accept",  "Decline",   "NoResponseReceived" };
static const char *const type_name[] = { "Single", "Occurrence", "Exception" };
static const char *const audience_name[] = { "None", "Known", "All" };
static const char *const oof_state_name[] = { "Disabled", "Enabled", "Scheduled" };

const char *mock_sensitivity_name(enum mock_sensitivity s)
{
    return sensitivity_name[s];
}

const char *mock_response_name(enum mock_response r)
{
    return response_name[r];
}

const char *mock_item_type_name(enum mock_item_type t)
{
    return type_name[t];
}

const char *mock_audience_name(enum mock_audience a)
{
    return audience_name[a];
}

const char *mock_oof_state_name(enum gw_oof_state s)
{
    return oof_state_name[s];
}

void mock_item_free(struct mock_item *item)
{
    free(item->data.subject);
    free(item->data.location);
    free(item);
}

static int item_cmp(const struct mock_item *a, const struct mock_item *b)
{
    if (a->data.start != b->data.start)
        return a->data.start < b->data.start ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Where the item is, or would be. */
static size_t item_place(const struct mock_mailbox *mailbox, const struct mock_item *item)
{
    size_t low = 0, high = mailbox->item_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (item_cmp(mailbox->items[mid], item) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void item_insert(struct mock_mailbox *mailbox, struct mock_item *item)
{
    size_t at = item_place(mailbox, item);

    if (mailbox->item_count == mailbox->item_cap) {
        mailbox->item_cap = mailbox->item_cap ? 2 * mailbox->item_cap : 4;
        mailbox->items = gw_realloc(mailbox->items, mailbox->item_cap, sizeof(struct mock_item *));
    }
    memmove(mailbox->items + at + 1, mailbox->items + at,
            (mailbox->item_count - at) * sizeof(struct mock_item *));
    mailbox->items[at] = item;
    mailbox->item_count++;
    if (item->data.end - item->data.start > mailbox->longest)
        mailbox->longest = item->data.end - item->data.start;
}

static void item_take_out(struct mock_mailbox *mailbox, const struct mock_item *item)
{
    size_t at = item_place(mailbox, item);

    memmove(mailbox->items + at, mailbox->items + at + 1,
            (mailbox->item_count - at - 1) * sizeof(struct mock_item *));
    mailbox->item_count--;
}

static enum gw_code data_check(const struct mock_item_data *data, struct gw_err *err)
{
    static const struct gw_civil first = { .year = 1900, .month = 1, .day = 1 };
    static const struct gw_civil last = { .year = 4500, .month = 1, .day = 1 };

    if (data->end < data->start)
        return gw_fail(err, GW_INVALID, "meeting ends before it starts");
    if (data->start < gw_civil_to_utc(&first) || data->end > gw_civil_to_utc(&last))
        return gw_fail(err, GW_INVALID, "meeting is not between the years 1900 and 4500");
    if ((data->subject && strlen(data->subject) > MOCK_TEXT_MAX) ||
        (data->location && strlen(data->location) > MOCK_TEXT_MAX))
        return gw_fail(err, GW_INVALID, "subject or location is longer than %d bytes",
                       MOCK_TEXT_MAX);
    return GW_OK;
}

/* Exchange keeps no fractions of seconds. */
static gw_utc whole_second(gw_utc t)
{
    int64_t ms = t % GW_SECOND_MS;

    return t - (ms < 0 ? ms + GW_SECOND_MS : ms);
}

static void data_copy(struct mock_item_data *to, const struct mock_item_data *from)
{
    struct mock_item_data copy = *from;

    copy.start = whole_second(from->start);
    copy.end = whole_second(from->end);
    copy.subject = from->subject ? gw_str_dup(gw_str_of(from->subject)) : NULL;
    copy.location = from->location ? gw_str_dup(gw_str_of(from->location)) : NULL;
    free(to->subject);
    free(to->location);
    *to = copy;
}

static void tell(struct mock_org *org, const struct mock_item *item, enum mock_change_kind kind,
                 bool free_busy, struct gw_now now)
{
    struct mock_change change = {
        .mailbox = item->mailbox,
        .kind = kind,
        .item = item->number,
        .item_change = item->change,
        .free_busy = free_busy,
        .at = now.utc,
    };

    item->mailbox->change++;
    if (org->observer)
        org->observer(&change, now, org->observer_ctx);
}

enum gw_code mock_item_add(struct mock_org *org, struct mock_mailbox *mailbox,
                           const struct mock_item_data *data, struct gw_now now,
                           struct mock_item **out, struct gw_err *err)
{
    struct mock_item *item;
    enum gw_code rc = data_check(data, err);

    if (rc)
        return rc;
    if (mailbox->item_count >= MOCK_ITEMS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d meetings in '%s'", MOCK_ITEMS_MAX,
                       mailbox->address);
    item = gw_new(struct mock_item);
    item->number = ++org->last_item;
    item->change = 1;
    item->mailbox = mailbox;
    snprintf(item->key, sizeof(item->key), "%llu", (unsigned long long)item->number);
    data_copy(&item->data, data);
    item_insert(mailbox, item);
    (void)gw_map_set(org->items, gw_str_of(item->key), item);
    tell(org, item, MOCK_CREATED, true, now);
    if (out)
        *out = item;
    return GW_OK;
}

enum gw_code mock_item_change(struct mock_org *org, struct mock_item *item,
                              const struct mock_item_data *data, struct gw_now now,
                              struct gw_err *err)
{
    const struct mock_item_data *old = &item->data;
    bool free_busy = data->start != old->start || data->end != old->end ||
                     data->busy != old->busy || data->cancelled != old->cancelled;
    enum gw_code rc = data_check(data, err);

    if (rc)
        return rc;
    item_take_out(item->mailbox, item);
    data_copy(&item->data, data);
    item->change++;
    item_insert(item->mailbox, item);
    tell(org, item, MOCK_MODIFIED, free_busy, now);
    return GW_OK;
}

void mock_item_delete(struct mock_org *org, struct mock_item *item, bool moved, struct gw_now now)
{
    item_take_out(item->mailbox, item);
    (void)gw_map_remove(org->items, gw_str_of(item->key));
    tell(org, item, moved ? MOCK_MOVED : MOCK_DELETED, true, now);
    mock_item_free(item);
}

struct mock_item *mock_item_find(const struct mock_org *org, struct gw_str key)
{
    return gw_map_get(org->items, key);
}

size_t mock_item_count(const struct mock_org *org)
{
    return gw_map_len(org->items);
}

const struct mock_item *mock_item_next_in(const struct mock_mailbox *mailbox, gw_utc from,
                                          gw_utc to, size_t *pos)
{
    if (!*pos) { /* nothing that starts earlier than this can reach into the window */
        size_t low = 0, high = mailbox->item_count;

        while (low < high) {
            size_t mid = low + (high - low) / 2;

            if (mailbox->items[mid]->data.start < from - mailbox->longest)
                low = mid + 1;
            else
                high = mid;
        }
        *pos = low;
    }
    while (*pos < mailbox->item_count) {
        const struct mock_item *item = mailbox->items[(*pos)++];

        if (item->data.start >= to)
            return NULL;
        if (item->data.end >= from)
            return item;
    }
    return NULL;
}
