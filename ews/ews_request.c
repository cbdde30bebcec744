/* What the writers of requests share: checks of what comes from settings, and pieces that several
 * bodies have. */
#include "ews_priv.h"

#include <stdio.h>

/* The address also becomes an HTTP header. */
enum gw_code ews_address_check(struct gw_str mailbox, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (!mailbox.len)
        return gw_fail(err, GW_INVALID, "no mailbox address");
    if (mailbox.len > EWS_MAILBOX_MAX)
        return gw_fail(err, GW_INVALID, "mailbox address is longer than %d bytes", EWS_MAILBOX_MAX);
    for (size_t i = 0; i < mailbox.len; i++)
        if ((unsigned char)mailbox.p[i] <= ' ' || mailbox.p[i] == 0x7f)
            return gw_fail(err, GW_INVALID, "mailbox address has a space or control character: %s",
                           gw_quote(mailbox, quoted));
    if (!gw_str_is_utf8(mailbox))
        return gw_fail(err, GW_INVALID, "mailbox address is not UTF-8: %s",
                       gw_quote(mailbox, quoted));
    return GW_OK;
}

/* An address that is not one gets its own error from Exchange, and must not stop the other ones. */
enum gw_code ews_mailboxes_check(const struct ews_request *request, size_t max, struct gw_err *err)
{
    if (request->mailbox_count < 1 || request->mailbox_count > max)
        return gw_fail(err, GW_INVALID, "%zu mailboxes asked for at once: 1 to %zu are possible",
                       request->mailbox_count, max);
    for (size_t i = 0; i < request->mailbox_count; i++)
        if (request->mailboxes[i].len > EWS_MAILBOX_MAX)
            return gw_fail(err, GW_INVALID, "mailbox address is longer than %d bytes",
                           EWS_MAILBOX_MAX);
    return GW_OK;
}

enum gw_code ews_subscription_check(struct gw_str id, struct gw_err *err)
{
    if (!id.len || id.len > EWS_ID_MAX)
        return gw_fail(err, GW_INVALID, "subscription id is missing or longer than %d bytes",
                       EWS_ID_MAX);
    return GW_OK;
}

enum gw_code ews_window_check(const struct ews_request *request, struct gw_err *err)
{
    static const struct gw_civil last = { 9999, 12, 31, 0, 0, 0, 0, 0 };

    if (request->from < 0 || request->to > gw_civil_to_utc(&last))
        return gw_fail(err, GW_INVALID, "calendar window is outside the years 1970 to 9999");
    if (request->from >= request->to)
        return gw_fail(err, GW_INVALID, "calendar window ends before it starts");
    return GW_OK;
}

gw_utc ews_window_start(const struct ews_request *request)
{
    return request->from - request->from % GW_SECOND_MS;
}

gw_utc ews_window_end(const struct ews_request *request)
{
    gw_utc up = request->to + GW_SECOND_MS - 1;

    return up - up % GW_SECOND_MS;
}

void ews_put_int(struct xml_writer *w, const char *name, int64_t n)
{
    xml_open(w, name);
    xml_put_int(w, n);
    xml_close(w);
}

void ews_put_attr_int(struct xml_writer *w, const char *name, int n)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", n);
    xml_put_attr(w, name, gw_str_of(text));
}

enum gw_code ews_folders_check(const struct ews_request *request, struct gw_err *err)
{
    if (request->folder_count > EWS_FOLDERS_MAX)
        return gw_fail(err, GW_INVALID, "%zu further calendars at once: at most %d are possible",
                       request->folder_count, EWS_FOLDERS_MAX);
    for (size_t i = 0; i < request->folder_count; i++)
        if (!request->folders[i].len || request->folders[i].len > EWS_ID_MAX)
            return gw_fail(err, GW_INVALID, "id of a calendar is missing or longer than %d bytes",
                           EWS_ID_MAX);
    return GW_OK;
}

/* The distinguished id: the folder's own name is in the mailbox's language. */
void ews_put_folder(struct xml_writer *w, const char *distinguished)
{
    xml_open(w, "t:DistinguishedFolderId");
    xml_put_attr(w, "Id", gw_str_of(distinguished));
    xml_close(w);
}

void ews_put_calendar_folders(struct xml_writer *w, const char *list,
                              const struct ews_request *request)
{
    xml_open(w, list);
    ews_put_folder(w, "calendar");
    for (size_t i = 0; i < request->folder_count; i++) {
        xml_open(w, "t:FolderId");
        xml_put_attr(w, "Id", request->folders[i]);
        xml_close(w);
    }
    xml_close(w);
}
