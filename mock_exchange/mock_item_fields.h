/* The properties of a calendar item on the wire, in one table: element, URI, since when, how it is
 * written and read. What the calendar does not need to understand is kept as it came. */
#ifndef MOCK_ITEM_FIELDS_H
#define MOCK_ITEM_FIELDS_H

#include "mock_soap.h"

enum { MOCK_EXTRAS_MAX = 64, MOCK_EXTRA_BYTES_MAX = 256 * 1024 };

/* ItemShape. False: a fault was noted. */
bool mock_shape_read(struct mock_call *call, const struct xml_node *shape, uint64_t *fields);

/* t:CalendarItem with its id and these properties. */
void mock_item_write(struct mock_call *call, const struct mock_item *item, uint64_t fields);
void mock_item_write_id(struct mock_call *call,
                        const struct mock_item *item); /* with the id only */

/* By a child of ItemIds: ItemId, OccurrenceItemId, RecurringMasterItemId (mock_op_item.c). A
 * ResponseCode, or NULL: *out is a copy. */
const char *mock_item_lookup(struct mock_call *call, const struct xml_node *id,
                             struct mock_item *out);

/* An item being made or changed. */
struct mock_draft {
    struct mock_item_data data; /* texts and extras are its own */
    struct mock_recurrence recurrence;
    struct mock_zone_named zone; /* of the item; that of the request until said otherwise */
    bool has_busy, is_meeting;
    bool has_recurrence; /* another one, or, when the series ends, none */
    bool ends_series;
};
void mock_draft_init(struct mock_draft *draft, const struct mock_call *call,
                     const struct mock_item *item); /* NULL: a new one */
void mock_draft_done(struct mock_draft *draft);

/* Takes all properties of an element t:CalendarItem. A ResponseCode, or NULL: done. */
const char *mock_draft_read(struct mock_draft *draft, const struct xml_node *item);
/* One property, named by the child of a SetItemField, DeleteItemField or AppendToItemField. */
const char *mock_draft_change(struct mock_draft *draft, const struct xml_node *change);
/* Once all is there: whole days, defaults. */
const char *mock_draft_settle(struct mock_draft *draft);

#endif
