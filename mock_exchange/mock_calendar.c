/* The calendars that a mailbox has besides its own one. */
#include <stdlib.h>

#include "gw_mem.h"
#include "mock_org_priv.h"

enum mock_folder mock_calendar_folder(unsigned number)
{
    return number ? (enum mock_folder)(MOCK_FOLDER_FURTHER + (int)number - 1)
                  : MOCK_FOLDER_CALENDAR;
}

struct mock_calendar *mock_calendar_of(const struct mock_mailbox *mailbox, enum mock_folder folder)
{
    int i = (int)folder - MOCK_FOLDER_FURTHER;

    return i >= 0 && i < (int)mailbox->calendar_count ? mailbox->calendars[i] : NULL;
}

struct mock_calendar *mock_calendar_named(const struct mock_mailbox *mailbox, struct gw_str name)
{
    for (unsigned i = 0; i < mailbox->calendar_count; i++)
        if (mailbox->calendars[i] && gw_str_is(name, mailbox->calendars[i]->name))
            return mailbox->calendars[i];
    return NULL;
}

static void tell(struct mock_org *org, struct mock_mailbox *mailbox,
                 const struct mock_calendar *calendar, enum mock_change_kind kind,
                 struct gw_now now)
{
    struct mock_change change = {
        .mailbox = mailbox, .kind = kind, .calendar = calendar->number, .at = now.utc
    };

    mailbox->change++;
    if (org->observer)
        org->observer(&change, now, org->observer_ctx);
}

static enum gw_code name_check(const struct mock_mailbox *mailbox, struct gw_str name,
                               struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (!name.len || name.len > MOCK_TEXT_MAX)
        return gw_fail(err, GW_INVALID, "calendar: 'name' is missing, or too long");
    if (mock_calendar_named(mailbox, name))
        return gw_fail(err, GW_EXISTS, "'%s' has a calendar %s already", mailbox->address,
                       gw_quote(name, quoted));
    return GW_OK;
}

enum gw_code mock_calendar_add(struct mock_org *org, struct mock_mailbox *mailbox,
                               struct gw_str name, struct gw_now now, struct mock_calendar **out,
                               struct gw_err *err)
{
    struct mock_calendar *calendar;
    enum gw_code rc = name_check(mailbox, name, err);

    if (rc)
        return rc;
    if (mailbox->calendar_count == MOCK_CALENDARS_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d further calendars in '%s'", MOCK_CALENDARS_MAX,
                       mailbox->address);
    calendar = gw_new(struct mock_calendar);
    calendar->name = gw_str_dup(name);
    mailbox->calendars[mailbox->calendar_count] = calendar;
    calendar->number = ++mailbox->calendar_count;
    tell(org, mailbox, calendar, MOCK_CREATED, now);
    if (out)
        *out = calendar;
    return GW_OK;
}

enum gw_code mock_calendar_rename(struct mock_org *org, struct mock_mailbox *mailbox,
                                  struct mock_calendar *calendar, struct gw_str name,
                                  struct gw_now now, struct gw_err *err)
{
    enum gw_code rc = name_check(mailbox, name, err);

    if (rc)
        return rc;
    free(calendar->name);
    calendar->name = gw_str_dup(name);
    tell(org, mailbox, calendar, MOCK_MODIFIED, now);
    return GW_OK;
}

void mock_calendar_free(struct mock_calendar **calendarp)
{
    struct mock_calendar *calendar = *calendarp;

    if (!calendar)
        return;
    *calendarp = NULL;
    free(calendar->name);
    free(calendar);
}

void mock_calendar_delete(struct mock_org *org, struct mock_mailbox *mailbox,
                          struct mock_calendar *calendar, bool moved, struct gw_now now)
{
    unsigned number = calendar->number;

    calendar->is_deleted = true;
    if (!moved) {
        mock_items_drop_of(org, mailbox, number);
        tell(org, mailbox, calendar, MOCK_DELETED, now);
        mock_calendar_free(&mailbox->calendars[number - 1]);
        return;
    }
    tell(org, mailbox, calendar, MOCK_MOVED, now);
}
