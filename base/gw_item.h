/* A calendar item with what rules may look at. It lives as long as the message it came in: what is kept
 * of it is an interval, with the tag that a rule gave it. Never logged, never stored. */
#ifndef GW_ITEM_H
#define GW_ITEM_H

#include "gw_interval.h"
#include "gw_str.h"

/* What is asked of a calendar source beyond times and busy types; bits. */
enum gw_item_field {
    GW_ITEM_EXACT =
        1, /* all day, private, meeting: what only a reading of the items themselves tells */
    GW_ITEM_SUBJECT = 2,
    GW_ITEM_LOCATION = 4,
    GW_ITEM_CATEGORIES = 8,
    GW_ITEM_ORGANISER = 16,
    GW_ITEM_ATTENDEES = 32,
    GW_ITEM_RESPONSE = 64,
    GW_ITEM_CALENDAR =
        128 /* in which of a user's calendars it lies; and those of the further ones */
};

enum gw_sensitivity {
    GW_SENSITIVITY_NORMAL,
    GW_SENSITIVITY_PERSONAL,
    GW_SENSITIVITY_PRIVATE,
    GW_SENSITIVITY_CONFIDENTIAL
};

enum gw_response {
    GW_RESPONSE_UNKNOWN, /* no meeting, or not said */
    GW_RESPONSE_ORGANISER,
    GW_RESPONSE_TENTATIVE,
    GW_RESPONSE_ACCEPTED,
    GW_RESPONSE_DECLINED,
    GW_RESPONSE_NONE /* not answered */
};

enum { GW_ITEM_CATEGORIES_MAX = 32 };

/* What was not asked for is empty. */
struct gw_item {
    struct gw_interval interval;
    unsigned char sensitivity; /* enum gw_sensitivity */
    unsigned char response;    /* enum gw_response */
    int attendees;             /* people invited, the organiser not counted; -1: not asked for */
    struct gw_str calendar;    /* the name of the one that it lies in */
    bool is_further;           /* ... which is not the user's own one, by which presence goes */
    struct gw_str subject, location;
    struct gw_str organiser, organiser_address; /* name; address, when the source tells it */
    const struct gw_str *categories;
    size_t category_count;
};

#endif
