/* Calendar items: in each mailbox the single ones by start, and the masters of series; one map by
 * number of all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "mock_org_priv.h"

static const char *const sensitivity_name[] = { "Normal", "Personal", "Private", "Confidential" };
static const char *const response_name[] = { "Unknown", "Organizer", "Tentative",
                                             "Accept",  "Decline",   "NoResponseReceived" };
static const char *const type_name[] = { "Single", "Occurrence", "Exception", "RecurringMaster" };
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

enum mock_item_type mock_item_type(const struct mock_item *item)
{
    if (!item->series)
        return MOCK_SINGLE;
    if (item->day == MOCK_NO_DAY)
        return MOCK_MASTER;
    return item->is_exception ? MOCK_EXCEPTION : MOCK_OCCURRENCE;
}

struct mock_id mock_item_id(const struct mock_item *item)
{
    if (item->day == MOCK_NO_DAY)
        return mock_id_item(item->mailbox->number, item->number);
    return mock_id_occurrence(item->mailbox->number, item->number, item->day);
}

static void extras_free(struct mock_extras *extras)
{
    for (size_t i = 0; extras && i < extras->count; i++)
        free(extras->extra[i].xml);
    free(extras);
}

static struct mock_extras *extras_dup(const struct mock_extras *from)
{
    struct mock_extras *to;

    if (!from || !from->count)
        return NULL;
    to = gw_alloc(sizeof(*to) + from->count * sizeof(to->extra[0]));
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->extra[i].field = from->extra[i].field;
        to->extra[i].xml = gw_str_dup(gw_str_of(from->extra[i].xml));
    }
    return to;
}

void mock_item_data_done(struct mock_item_data *data)
{
    free(data->subject);
    free(data->location);
    extras_free(data->extras);
}

void mock_item_free(struct mock_item *item)
{
    if (item->day == MOCK_NO_DAY)
        mock_series_free(&item->series);
    mock_item_data_done(&item->data);
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

/* Texts may be the old ones. */
void mock_item_data_copy(struct mock_item_data *to, const struct mock_item_data *from)
{
    struct mock_item_data copy = *from;

    copy.start = whole_second(from->start);
    copy.end = whole_second(from->end);
    copy.subject = from->subject ? gw_str_dup(gw_str_of(from->subject)) : NULL;
    copy.location = from->location ? gw_str_dup(gw_str_of(from->location)) : NULL;
    copy.extras = extras_dup(from->extras);
    mock_item_data_done(to);
    *to = copy;
}

void mock_item_tell(struct mock_org *org, const struct mock_item *item, enum mock_change_kind kind,
                    bool free_busy, struct gw_now now)
{
    struct mock_change change = {
        .mailbox = item->mailbox,
        .kind = kind,
        .calendar = item->data.calendar,
        .item = item->number,
        .item_change = item->change,
        .free_busy = free_busy,
        .at = now.utc,
    };

    item->mailbox->change++;
    if (org->observer)
        org->observer(&change, now, org->observer_ctx);
}

/* --- into the mailbox, and out of it */

static void master_insert(struct mock_mailbox *mailbox, struct mock_item *item)
{
    if (mailbox->master_count == mailbox->master_cap) {
        mailbox->master_cap = mailbox->master_cap ? 2 * mailbox->master_cap : 2;
        mailbox->masters =
            gw_realloc(mailbox->masters, mailbox->master_cap, sizeof(struct mock_item *));
    }
    mailbox->masters[mailbox->master_count++] = item;
}

static void master_take_out(struct mock_mailbox *mailbox, const struct mock_item *item)
{
    size_t at = 0;

    while (mailbox->masters[at] != item)
        at++;
    memmove(mailbox->masters + at, mailbox->masters + at + 1,
            (mailbox->master_count - at - 1) * sizeof(struct mock_item *));
    mailbox->master_count--;
}

static void take_out(struct mock_item *item)
{
    if (item->series)
        master_take_out(item->mailbox, item);
    else
        item_take_out(item->mailbox, item);
}

static void insert(struct mock_item *item)
{
    if (item->series)
        master_insert(item->mailbox, item);
    else
        item_insert(item->mailbox, item);
}

/* Its data, and its series when there is one: takes that. */
static void item_set(struct mock_item *item, const struct mock_item_data *data,
                     struct mock_series *series)
{
    mock_item_data_copy(&item->data, data);
    if (!series)
        return;
    item->series = series;
    item->data.start = mock_series_start(series, mock_recur_next(&series->recur, INT64_MIN / 4));
    item->data.end = mock_series_end(series, mock_recur_next(&series->recur, INT64_MIN / 4));
}

static struct mock_item *item_of(const struct mock_org *org, uint64_t number)
{
    char key[24];

    snprintf(key, sizeof(key), "%llu", (unsigned long long)number);
    return gw_map_get(org->items, gw_str_of(key));
}

/* --- what is done with items */

enum gw_code mock_item_add(struct mock_org *org, struct mock_mailbox *mailbox,
                           const struct mock_item_data *data,
                           const struct mock_recurrence *recurrence, struct gw_now now,
                           const struct mock_item **out, struct gw_err *err)
{
    struct mock_series *series = NULL;
    struct mock_item *item;
    enum gw_code rc = data_check(data, err);

    if (!rc && mailbox->item_count + mailbox->master_count >= MOCK_ITEMS_MAX)
        rc = gw_fail(err, GW_LIMIT, "more than %d meetings in '%s'", MOCK_ITEMS_MAX,
                     mailbox->address);
    if (!rc && recurrence)
        rc = mock_series_make(data, recurrence, &series, err);
    if (rc)
        return rc;
    item = gw_new(struct mock_item);
    item->number = ++org->last_item;
    item->change = 1;
    item->created_at = item->saved_at = mailbox->change + 1;
    item->mailbox = mailbox;
    item->day = MOCK_NO_DAY;
    snprintf(item->key, sizeof(item->key), "%llu", (unsigned long long)item->number);
    item_set(item, data, series);
    insert(item);
    (void)gw_map_set(org->items, gw_str_of(item->key), item);
    mock_item_tell(org, item, MOCK_CREATED, true, now);
    if (out)
        *out = item;
    return GW_OK;
}

static void gone_add(const struct mock_item *item)
{
    struct mock_mailbox *mailbox = item->mailbox;

    if (item->data.calendar)
        return; /* only of its own calendar a mailbox remembers it */
    if (mailbox->gone_count == MOCK_GONE_MAX) {
        mailbox->gone_since = mailbox->gone_items[0].at;
        mailbox->gone_count--;
        memmove(&mailbox->gone_items[0], &mailbox->gone_items[1],
                mailbox->gone_count * sizeof(struct mock_gone));
    } else {
        mailbox->gone_items =
            gw_realloc(mailbox->gone_items, mailbox->gone_count + 1, sizeof(struct mock_gone));
    }
    mailbox->gone_items[mailbox->gone_count++] =
        (struct mock_gone){ .number = item->number, .at = mailbox->change + 1 };
}

/* From now on the day has an item of its own. */
static void occurrence_change(struct mock_org *org, struct mock_item *master,
                              const struct mock_item *old, const struct mock_item_data *data,
                              struct gw_now now)
{
    struct mock_item *item = gw_new(struct mock_item);

    *item = *old;
    item->data = (struct mock_item_data){ 0 };
    item->is_exception = true;
    item->change = ++master->change;
    master->saved_at = master->mailbox->change + 1;
    mock_item_data_copy(&item->data, data);
    mock_series_put(master->series, old->day, item);
    mock_item_tell(org, master, MOCK_MODIFIED, true, now);
}

/* Other hours of a master, the pattern being the same. */
static bool is_moved(const struct mock_item *item, const struct mock_item_data *data)
{
    return item->series && (data->start != item->data.start || data->end != item->data.end);
}

enum gw_code mock_item_change(struct mock_org *org, const struct mock_item *item,
                              const struct mock_item_data *data,
                              const struct mock_recurrence *recurrence, struct gw_now now,
                              struct gw_err *err)
{
    struct mock_item *kept = item_of(org, item->number);
    const struct mock_item_data *old = &kept->data;
    bool free_busy = recurrence || data->start != old->start || data->end != old->end ||
                     data->busy != old->busy || data->cancelled != old->cancelled;
    struct mock_recurrence moved;
    struct mock_series *series = NULL;
    enum gw_code rc = data_check(data, err);

    if (rc)
        return rc;
    if (item->day != MOCK_NO_DAY) {
        occurrence_change(org, kept, item, data, now);
        return GW_OK;
    }
    if (!recurrence && is_moved(kept, data)) {
        moved = (struct mock_recurrence){ kept->series->recur, &kept->series->zone };
        moved.recur.first_day = mock_day_of(mock_zone_named_to_local(moved.zone, data->start));
        recurrence = &moved;
    }
    if (recurrence && recurrence->zone)
        rc = mock_series_make(data, recurrence, &series, err);
    if (rc)
        return rc;
    take_out(kept);
    if (recurrence)
        mock_series_free(&kept->series);
    item_set(kept, data, series);
    kept->change++;
    kept->saved_at = kept->mailbox->change + 1;
    insert(kept);
    mock_item_tell(org, kept, MOCK_MODIFIED, free_busy, now);
    return GW_OK;
}

void mock_item_delete(struct mock_org *org, const struct mock_item *item, bool moved,
                      struct gw_now now)
{
    struct mock_item *kept = item_of(org, item->number);

    if (item->day != MOCK_NO_DAY) {
        mock_series_put(kept->series, item->day, NULL);
        kept->change++;
        kept->saved_at = kept->mailbox->change + 1;
        mock_item_tell(org, kept, MOCK_MODIFIED, true, now);
        return;
    }
    take_out(kept);
    gone_add(kept);
    (void)gw_map_remove(org->items, gw_str_of(kept->key));
    mock_item_tell(org, kept, moved ? MOCK_MOVED : MOCK_DELETED, true, now);
    mock_item_free(kept);
}

static void drop_of(struct mock_org *org, struct mock_item **items, size_t *count,
                    unsigned calendar)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (items[i]->data.calendar != calendar) {
            items[kept++] = items[i];
            continue;
        }
        (void)gw_map_remove(org->items, gw_str_of(items[i]->key));
        mock_item_free(items[i]);
    }
    *count = kept;
}

void mock_items_drop_of(struct mock_org *org, struct mock_mailbox *mailbox, unsigned calendar)
{
    drop_of(org, mailbox->items, &mailbox->item_count, calendar);
    drop_of(org, mailbox->masters, &mailbox->master_count, calendar);
}

/* --- looking */

bool mock_item_by_number(const struct mock_org *org, uint64_t number, struct mock_item *out)
{
    const struct mock_item *item = item_of(org, number);

    if (item)
        *out = *item;
    return item;
}

bool mock_item_get(const struct mock_org *org, struct gw_str key, struct mock_item *out)
{
    struct gw_str number = key, day = { NULL, 0 };
    const struct mock_item *item;
    int64_t d;

    (void)gw_str_cut(key, ".", &number, &day);
    item = gw_map_get(org->items, number);
    if (!item)
        return false;
    if (day.p)
        return gw_str_to_int(day, INT32_MIN, INT32_MAX, &d) && mock_item_occurrence(item, d, out);
    *out = *item;
    return true;
}

size_t mock_item_count(const struct mock_org *org)
{
    return gw_map_len(org->items);
}
