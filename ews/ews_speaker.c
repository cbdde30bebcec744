/* An application that logs in by itself is nobody: Exchange wants to be told for whom it speaks, also
 * by operations that need no right to a mailbox. One of those that are asked for speaks for all. */
#include "ews_priv.h"

static bool can_speak(struct gw_str address)
{
    return gw_str_find(address, '@') > 0 && !ews_address_check(address, NULL);
}

struct gw_str ews_speaker_of(const struct ews_request *request)
{
    struct gw_str nobody = { NULL, 0 };

    if (ews_op_info(request->op)->discovers)
        return nobody;
    if (can_speak(request->mailbox))
        return request->mailbox;
    for (size_t i = 0; i < request->mailbox_count; i++)
        if (can_speak(request->mailboxes[i]))
            return request->mailboxes[i];
    return can_speak(request->name) ? request->name : nobody;
}

static bool set_calendars(const struct ews_request *request, struct gw_arena *arena,
                          struct ews_answer *out)
{
    struct ews_calendar *v = gw_arena_alloc(arena, request->mailbox_count * sizeof(*v));

    for (size_t i = 0; v && i < request->mailbox_count; i++)
        v[i] = (struct ews_calendar){ .status = out->status };
    out->calendars = v;
    out->calendar_count = v ? request->mailbox_count : 0;
    return v;
}

static bool set_tips(const struct ews_request *request, struct gw_arena *arena,
                     struct ews_answer *out)
{
    struct ews_tip *v = gw_arena_alloc(arena, request->mailbox_count * sizeof(*v));

    for (size_t i = 0; v && i < request->mailbox_count; i++)
        v[i] = (struct ews_tip){ .status = out->status };
    out->tips = v;
    out->tip_count = v ? request->mailbox_count : 0;
    return v;
}

/* Each is told by itself, as when the server says it of each: whoever asked for many then asks for
 * each alone. */
void ews_speaker_blame(const struct ews_request *request, struct gw_arena *arena,
                       struct ews_answer *out)
{
    bool told = false;

    if (!request->speaker.len || !request->mailbox_count || !out->status.alive ||
        (out->status.class != EWS_MAILBOX && out->status.class != EWS_PERMISSION))
        return;
    if (request->op == EWS_OP_AVAILABILITY)
        told = set_calendars(request, arena, out);
    else if (request->op == EWS_OP_MAIL_TIPS)
        told = set_tips(request, arena, out);
    if (told)
        ews_status_set_code(&out->status, GW_STR("NoError"), (struct gw_str){ NULL, 0 });
}
