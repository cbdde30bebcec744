/* Series: a master holds the days (mock_recur.h), the hours in a zone, and what is different about
 * single days. Occurrences are made when they are looked at. */
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"
#include "mock_org_priv.h"

gw_utc mock_series_start(const struct mock_series *series, int64_t day)
{
    return mock_zone_named_to_utc(&series->zone, day * GW_DAY_MS + series->start_ms);
}

gw_utc mock_series_end(const struct mock_series *series, int64_t day)
{
    gw_utc end = mock_zone_named_to_utc(&series->zone,
                                        day * GW_DAY_MS + series->start_ms + series->length_ms);
    gw_utc start = mock_series_start(series, day);

    return end > start ? end : start; /* the clock may be set back in between */
}

enum gw_code mock_series_make(const struct mock_item_data *data,
                              const struct mock_recurrence *recurrence, struct mock_series **out,
                              struct gw_err *err)
{
    gw_utc start = mock_zone_named_to_local(recurrence->zone, data->start);
    gw_utc end = mock_zone_named_to_local(recurrence->zone, data->end);
    struct mock_recur recur = recurrence->recur;
    enum gw_code rc = mock_recur_settle(&recur, err);
    struct mock_series *series;

    if (rc)
        return rc;
    series = gw_new(struct mock_series);
    series->recur = recur;
    series->zone = *recurrence->zone;
    series->start_ms = start - mock_day_of(start) * GW_DAY_MS;
    series->length_ms = end > start ? end - start : 0;
    *out = series;
    return GW_OK;
}

void mock_series_free(struct mock_series **seriesp)
{
    struct mock_series *series = *seriesp;

    if (!series)
        return;
    *seriesp = NULL;
    for (size_t i = 0; i < series->exception_count; i++)
        if (series->exceptions[i].item)
            mock_item_free(series->exceptions[i].item);
    free(series->exceptions);
    free(series);
}

/* --- days that are different */

/* Where the day is, or belongs. */
static size_t exception_place(const struct mock_series *series, int64_t day)
{
    size_t at = 0;

    while (at < series->exception_count && series->exceptions[at].day < day)
        at++;
    return at;
}

struct mock_exception *mock_series_exception(const struct mock_series *series, int64_t day)
{
    size_t at = exception_place(series, day);

    return at < series->exception_count && series->exceptions[at].day == day
               ? &series->exceptions[at]
               : NULL;
}

/* Takes the item; NULL: the day is deleted. */
void mock_series_put(struct mock_series *series, int64_t day, struct mock_item *item)
{
    size_t at = exception_place(series, day);
    struct mock_exception *old = mock_series_exception(series, day);

    if (old) {
        if (old->item)
            mock_item_free(old->item);
        old->item = item;
        return;
    }
    series->exceptions =
        gw_realloc(series->exceptions, series->exception_count + 1, sizeof(*series->exceptions));
    memmove(series->exceptions + at + 1, series->exceptions + at,
            (series->exception_count - at) * sizeof(*series->exceptions));
    series->exceptions[at] = (struct mock_exception){ .day = day, .item = item };
    series->exception_count++;
}

static struct mock_item occurrence_of(const struct mock_item *master, int64_t day)
{
    struct mock_item item = *master;

    item.day = day;
    item.data.start = mock_series_start(master->series, day);
    item.data.end = mock_series_end(master->series, day);
    return item;
}

bool mock_item_occurrence(const struct mock_item *master, int64_t day, struct mock_item *out)
{
    const struct mock_exception *exception;

    if (!master->series || !mock_recur_has(&master->series->recur, day))
        return false;
    exception = mock_series_exception(master->series, day);
    if (exception && !exception->item)
        return false;
    *out = exception ? *exception->item : occurrence_of(master, day);
    return true;
}

/* --- what takes place in a time */

struct view_cap {
    struct mock_view *view;
    size_t cap;
    unsigned calendar;
};

static void view_add(struct view_cap *v, const struct mock_item *item)
{
    struct mock_view *view = v->view;

    if (view->count == MOCK_VIEW_MAX) {
        view->truncated = true;
        return;
    }
    if (view->count == v->cap) {
        v->cap = v->cap ? 2 * v->cap : 16;
        view->items = gw_realloc(view->items, v->cap, sizeof(*view->items));
    }
    view->items[view->count++] = *item;
}

static bool is_in(const struct mock_item *item, gw_utc from, gw_utc to)
{
    return item->data.end >= from && item->data.start < to;
}

static void view_singles(struct view_cap *v, const struct mock_mailbox *mailbox, gw_utc from,
                         gw_utc to)
{
    size_t low = 0, high = mailbox->item_count;

    while (low < high) { /* nothing that starts earlier than this can reach into the window */
        size_t mid = low + (high - low) / 2;

        if (mailbox->items[mid]->data.start < from - mailbox->longest)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < mailbox->item_count && mailbox->items[low]->data.start < to; low++)
        if (mailbox->items[low]->data.calendar == v->calendar &&
            is_in(mailbox->items[low], from, to))
            view_add(v, mailbox->items[low]);
}

/* A day's margin on both sides: zones, and clocks that are changed. */
static void view_series(struct view_cap *v, const struct mock_item *master, gw_utc from, gw_utc to)
{
    const struct mock_series *series = master->series;
    int64_t first = (from - series->length_ms) / GW_DAY_MS - 2, last = to / GW_DAY_MS + 1;

    for (int64_t day = mock_recur_next(&series->recur, first);
         day <= last && day != MOCK_NO_DAY && !v->view->truncated;
         day = mock_recur_next(&series->recur, day + 1)) {
        struct mock_item item = occurrence_of(master, day);

        if (is_in(&item, from, to) && !mock_series_exception(series, day))
            view_add(v, &item);
    }
    for (size_t i = 0; i < series->exception_count; i++)
        if (series->exceptions[i].item && is_in(series->exceptions[i].item, from, to))
            view_add(v, series->exceptions[i].item);
}

static int by_start(const void *a, const void *b)
{
    const struct mock_item *x = a, *y = b;

    if (x->data.start != y->data.start)
        return x->data.start < y->data.start ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->day < y->day ? -1 : x->day > y->day;
}

void mock_view_open_of(const struct mock_mailbox *mailbox, unsigned calendar, gw_utc from,
                       gw_utc to, struct mock_view *view)
{
    struct view_cap v = { .view = view, .calendar = calendar };

    *view = (struct mock_view){ 0 };
    view_singles(&v, mailbox, from, to);
    for (size_t i = 0; i < mailbox->master_count; i++)
        if (mailbox->masters[i]->data.calendar == calendar)
            view_series(&v, mailbox->masters[i], from, to);
    if (mailbox->master_count && view->count)
        qsort(view->items, view->count, sizeof(*view->items), by_start);
}

void mock_view_open(const struct mock_mailbox *mailbox, gw_utc from, gw_utc to,
                    struct mock_view *view)
{
    mock_view_open_of(mailbox, 0, from, to, view);
}

void mock_view_close(struct mock_view *view)
{
    free(view->items);
    *view = (struct mock_view){ 0 };
}
