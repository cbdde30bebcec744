/* GetMailTips: the automatic replies of many mailboxes at once, as a sender would be warned of them.
 * The text of a reply comes with it unasked; only whether there is one is kept. */
#include "ews_priv.h"

static enum gw_code mail_tips_check(const struct ews_request *request, struct gw_err *err)
{
    enum gw_code rc = ews_address_check(request->mailbox, err);

    return rc ? rc : ews_mailboxes_check(request, EWS_MAIL_TIPS_MAX, err);
}

static bool mail_tips_supported(const struct ews_request *request,
                                const struct ews_dialect *dialect)
{
    (void)request;
    return dialect->mail_tips;
}

static void mail_tips_write(struct xml_writer *w, const struct ews_request *request,
                            const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:GetMailTips");
    xml_open(w, "m:SendingAs");
    xml_put(w, "t:EmailAddress", request->mailbox);
    xml_close(w);
    xml_open(w, "m:Recipients");
    for (size_t i = 0; i < request->mailbox_count; i++) {
        xml_open(w, "t:Mailbox");
        xml_put(w, "t:EmailAddress", request->mailboxes[i]);
        xml_close(w);
    }
    xml_close(w);
    xml_put(w, "m:MailTipsRequested", GW_STR("OutOfOfficeMessage"));
    xml_close(w);
}

/* A list of the names of tips: those that the server had no time for. */
static bool is_pending(const struct xml_node *tips)
{
    return ews_http_has_word(xml_child_text(tips, NULL, "PendingMailTips"), "OutOfOfficeMessage");
}

static void read_reply(const struct xml_node *reply, struct gw_oof *out)
{
    const struct xml_node *duration = xml_child(reply, NULL, "Duration");
    struct gw_str text = xml_text(xml_path(reply, "ReplyBody/Message"));

    *out = (struct gw_oof){ .state = GW_OOF_DISABLED };
    if (!gw_str_trim(text).len)
        return;
    if (ews_read_span(duration, "StartTime", "EndTime", &out->start, &out->end))
        out->state = GW_OOF_SCHEDULED;
    else
        *out = (struct gw_oof){ .state = GW_OOF_ENABLED };
}

static void read_tip(const struct xml_node *message, struct ews_tip *out)
{
    const struct xml_node *tips = xml_child(message, NULL, "MailTips");
    const struct xml_node *reply = xml_child(tips, NULL, "OutOfOffice");

    ews_soap_message_status(message, &out->status);
    if (out->status.class != EWS_OK)
        return;
    out->pending = is_pending(tips);
    if (reply)
        read_reply(reply, &out->oof);
    else if (!out->pending)
        ews_set_missing(&out->status, "OutOfOffice tip");
}

/* Whose tips they are, if the server says so: errors come without. */
static struct gw_str told_address(const struct xml_node *message)
{
    return gw_str_trim(xml_text(xml_path(message, "MailTips/RecipientAddress/EmailAddress")));
}

static bool is_asked_for(const struct ews_request *request, struct gw_str address)
{
    for (size_t i = 0; i < request->mailbox_count; i++)
        if (gw_str_ieq(request->mailboxes[i], address))
            return true;
    return false;
}

static bool is_of(const struct xml_node *message, struct gw_str address)
{
    struct gw_str told = told_address(message);

    return told.len && gw_str_ieq(told, address);
}

/* They come in the order of the request. Where a server leaves one out, the others must not be taken for
 * their neighbours': the address decides. It may be another one of the same mailbox, which counts
 * when there are as many as were asked for. */
static const struct xml_node *message_for(const struct ews_request *request, size_t i,
                                          const struct xml_node *messages)
{
    struct gw_str address = request->mailboxes[i], told;
    const struct xml_node *in_turn = messages->child;

    for (size_t k = 0; k < i && in_turn; k++)
        in_turn = in_turn->next;
    told = told_address(in_turn);
    if (in_turn && (!told.len || gw_str_ieq(told, address)))
        return in_turn;
    for (const struct xml_node *n = messages->child; n; n = n->next)
        if (is_of(n, address))
            return n;
    if (ews_count_children(messages) == request->mailbox_count && !is_asked_for(request, told))
        return in_turn;
    return NULL;
}

/* The answer itself is a response message, with one for each mailbox inside. */
static void mail_tips_parse(const struct xml_node *body, const struct ews_request *request,
                            struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *messages = xml_child(body, NULL, "ResponseMessages");
    struct ews_tip *tips;

    ews_soap_message_status(body, &out->status);
    if (out->status.class != EWS_OK)
        return;
    if (!messages || !messages->child) {
        ews_set_missing(&out->status, "response message");
        return;
    }
    tips = gw_arena_alloc(arena, request->mailbox_count * sizeof(*tips));
    if (!tips) {
        ews_set_too_large(&out->status);
        return;
    }
    for (size_t i = 0; i < request->mailbox_count; i++) {
        const struct xml_node *message = message_for(request, i, messages);

        if (message)
            read_tip(message, &tips[i]);
        else
            ews_set_missing(&tips[i].status, "part for this mailbox");
    }
    out->tips = tips;
    out->tip_count = request->mailbox_count;
}

const struct ews_op_info ews_op_mail_tips = { .name = "GetMailTips",
                                              .answer = "GetMailTipsResponse",
                                              .body_max =
                                                  7 * 1024 * 1024, /* 50 replies of up to 128 KiB */
                                              .nodes_max = 4000,
                                              .wide = true,
                                              .names_mailboxes = true,
                                              .check = mail_tips_check,
                                              .supported = mail_tips_supported,
                                              .write = mail_tips_write,
                                              .parse = mail_tips_parse };
