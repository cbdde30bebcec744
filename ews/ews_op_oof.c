/* GetUserOofSettings: one mailbox's automatic reply, exactly as it is set. */
#include "ews_priv.h"

static void oof_write(struct xml_writer *w, const struct ews_request *request,
                      const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:GetUserOofSettingsRequest");
    xml_open(w, "t:Mailbox");
    xml_put(w, "t:Address", request->mailbox);
    xml_close(w);
    xml_close(w);
}

/* The Duration is there, and stale, in the other states too. */
static bool read_scheduled(const struct xml_node *settings, struct gw_oof *out)
{
    out->state = GW_OOF_SCHEDULED;
    return ews_read_span(xml_child(settings, NULL, "Duration"), "StartTime", "EndTime", &out->start,
                         &out->end);
}

static bool read_oof(const struct xml_node *settings, struct gw_oof *out)
{
    struct gw_str state = xml_child_text(settings, NULL, "OofState");

    if (gw_str_is(state, "Scheduled"))
        return read_scheduled(settings, out);
    out->state = gw_str_is(state, "Enabled") ? GW_OOF_ENABLED : GW_OOF_DISABLED;
    return gw_str_is(state, "Enabled") || gw_str_is(state, "Disabled");
}

/* False: no room. */
static bool read_reply(const struct xml_node *settings, const char *name, struct gw_arena *arena,
                       struct gw_str *out)
{
    struct gw_str text = xml_child_text(xml_child(settings, NULL, name), NULL, "Message");

    if (text.len)
        *out = gw_arena_dup(arena, text);
    return !text.len || out->p;
}

static bool read_replies(const struct xml_node *settings, struct gw_arena *arena,
                         struct ews_answer *out)
{
    if (out->oof.state == GW_OOF_DISABLED)
        return true;
    return read_reply(settings, "InternalReply", arena, &out->reply_internal) &&
           (!gw_str_is(xml_child_text(settings, NULL, "ExternalAudience"), "All") ||
            read_reply(settings, "ExternalReply", arena, &out->reply_external));
}

static void oof_parse(const struct xml_node *body, const struct ews_request *request,
                      struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *settings = xml_child(body, NULL, "OofSettings");
    struct gw_oof oof = { 0 };

    (void)request;
    ews_soap_message_status(xml_child(body, NULL, "ResponseMessage"), &out->status);
    if (out->status.class != EWS_OK)
        return;
    if (!read_oof(settings, &oof)) {
        ews_set_missing(&out->status, "understandable out-of-office state");
        return;
    }
    out->oof = oof;
    if (!read_replies(settings, arena, out))
        ews_set_too_large(&out->status);
}

const struct ews_op_info ews_op_oof = { .name = "GetUserOofSettings",
                                        .answer = "GetUserOofSettingsResponse",
                                        .body_max =
                                            1024 * 1024, /* two texts of up to 128 KiB, escaped */
                                        .nodes_max = 1000,
                                        .impersonates = true,
                                        .owner_only = true,
                                        .write = oof_write,
                                        .parse = oof_parse };
