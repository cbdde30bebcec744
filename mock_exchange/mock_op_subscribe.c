/* Subscribe: push, pull and streaming. */
#include "mock_soap.h"

static bool events_read(struct mock_call *call, const struct xml_node *types, unsigned *mask)
{
    const struct xml_node *n = types->child;

    *mask = 0;
    if (!n)
        return mock_fault_schema(call, "The element 'EventTypes' has incomplete content.");
    for (; n; n = n->next) {
        int kind;

        for (kind = 0; kind < MOCK_EVENT_KINDS; kind++)
            if (gw_str_is(xml_text(n), mock_event_name((enum mock_event_kind)kind)))
                break;
        if (kind == MOCK_EVENT_FREE_BUSY &&
            !mock_version_has(call->version, MOCK_HAS_FREE_BUSY_CHANGED))
            kind = MOCK_EVENT_KINDS;
        if (!xml_is(n, MOCK_NS_TYPES, "EventType") || kind == MOCK_EVENT_KINDS)
            return mock_fault_schema(call, "The 'EventType' element is invalid: '%.*s'.",
                                     GW_STR_ARG(gw_str_utf8_cut(xml_text(n), 60)));
        *mask |= 1u << kind;
    }
    return true;
}

/* All folders in one mailbox, the caller's; only calendars ever have events. */
static const char *folders_read(struct mock_call *call, const struct xml_node *request,
                                uint64_t *calendars)
{
    const struct xml_node *ids = xml_child(request, MOCK_NS_TYPES, "FolderIds");
    struct gw_str all = xml_attr(request, "SubscribeToAllFolders");
    bool of_all = gw_str_is(all, "true") || gw_str_is(all, "1");
    struct mock_mailbox *whose = NULL;

    *calendars = of_all ? UINT64_MAX : 0;
    if (!call->self)
        return "ErrorMissingEmailAddress";
    if ((ids && ids->child) == of_all)
        return "ErrorInvalidSubscriptionRequest";
    for (const struct xml_node *id = ids ? ids->child : NULL; id; id = id->next) {
        struct mock_mailbox *mailbox;
        enum mock_folder folder = MOCK_FOLDER_ROOT;
        const char *code = mock_folder_find(call, id, &mailbox, &folder);

        if (code && (mailbox == call->self || !gw_str_is(gw_str_of(code), "ErrorAccessDenied")))
            return code;
        if (whose && mailbox != whose)
            return "ErrorInvalidSubscriptionRequest";
        whose = mailbox;
        if (mock_folder_is_calendar(folder))
            *calendars |= UINT64_C(1) << mock_folder_calendar(folder);
    }
    if (whose && whose != call->self)
        return "ErrorSubscriptionDelegateAccessNotSupported";
    return mock_reach(call, call->self);
}

/* The host, and the port when there is one: "gw:8443", "[::1]:8443"; whatever follows them. */
static bool authority_is_valid(struct gw_str host)
{
    struct gw_str port;
    int64_t number;

    (void)gw_str_cut(host, "/", &host, NULL);
    (void)gw_str_cut(host, "?", &host, NULL);
    (void)gw_str_cut(host, "#", &host, NULL);
    (void)gw_str_cut(host, "@", NULL, &host);
    if (!host.len || host.p[0] == ':')
        return false;
    port = host;
    (void)gw_str_cut(port, "]", NULL, &port);
    return !gw_str_cut(port, ":", NULL, &port) || !port.len ||
           gw_str_to_int(port, 0, 65535, &number);
}

static bool url_is_valid(struct gw_str url)
{
    struct gw_str scheme, rest;

    if (!url.len || url.len > MOCK_SUB_URL_MAX || !gw_str_cut(url, "://", &scheme, &rest) ||
        (!gw_str_iis(scheme, "http") && !gw_str_iis(scheme, "https")))
        return false;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.p[i] <= ' ' || (unsigned char)url.p[i] == 0x7f)
            return false;
    return authority_is_valid(rest);
}

static const char *watermark_read(struct mock_call *call, const struct xml_node *request,
                                  struct mock_sub_args *args)
{
    const struct xml_node *node = xml_child(request, NULL, "Watermark");
    uint32_t mailbox;

    if (!node)
        return NULL;
    if (!mock_id_watermark_parse(xml_text(node), &mailbox, &args->after) ||
        mailbox != call->self->number || args->after > call->self->event)
        return "ErrorInvalidWatermark";
    args->resume = true;
    return NULL;
}

/* What is wrong with a request that the schema allows; NULL: nothing, and *sub is made. */
static const char *sub_make(struct mock_call *call, const struct xml_node *request,
                            struct mock_sub_args *args, struct mock_sub **sub)
{
    const char *code = folders_read(call, request, &args->calendars);

    if (!code)
        code = watermark_read(call, request, args);
    if (!code && args->kind == MOCK_SUB_PUSH && !url_is_valid(args->url))
        code = "ErrorInvalidPushSubscriptionUrl";
    if (code)
        return code;
    args->mailbox = call->self;
    args->id_form = call->service->product->id_form;
    if (mock_sub_add(call->service->subs, args, call->now, sub, NULL))
        return "ErrorExceededSubscriptionCount";
    return NULL;
}

static void subscribe_write(struct mock_call *call, const char *code, const struct mock_sub *sub)
{
    struct xml_writer *w = &call->w;

    xml_open(w, "m:SubscribeResponse");
    xml_put_attr(w, "xmlns:m", GW_STR(MOCK_NS_MESSAGES));
    xml_open(w, "m:ResponseMessages");
    mock_message_open(call, "m:SubscribeResponseMessage", code);
    if (!code)
        xml_put(w, "m:SubscriptionId", gw_str_of(sub->id));
    if (!code && sub->kind != MOCK_SUB_STREAMING) {
        struct mock_id watermark = mock_id_watermark(sub->mailbox->number, sub->acked);

        xml_put(w, "m:Watermark", gw_str_of(watermark.s));
    }
    xml_close(w);
    xml_close(w);
    xml_close(w);
}

/* Watermark is one of the types; that clients take it for one of the messages is a known deviation. */
static const struct mock_rule push_rule[] = {
    { MOCK_NS_TYPES, "FolderIds", false, false },
    { MOCK_NS_TYPES, "EventTypes", true, false },
    { MOCK_NS_TYPES, "Watermark", false, false },
    { MOCK_NS_MESSAGES, "Watermark", false, false },
    { MOCK_NS_TYPES, "StatusFrequency", true, false },
    { MOCK_NS_TYPES, "URL", true, false },
    { MOCK_NS_TYPES, "CallerData", false, false },
};
static const struct mock_rule pull_rule[] = {
    { MOCK_NS_TYPES, "FolderIds", false, false }, { MOCK_NS_TYPES, "EventTypes", true, false },
    { MOCK_NS_TYPES, "Watermark", false, false }, { MOCK_NS_MESSAGES, "Watermark", false, false },
    { MOCK_NS_TYPES, "Timeout", true, false },
};
static const struct mock_rule streaming_rule[] = {
    { MOCK_NS_TYPES, "FolderIds", false, false },
    { MOCK_NS_TYPES, "EventTypes", true, false },
};
static const struct {
    const char *element;
    enum mock_sub_kind kind;
    const char *minutes; /* the element that says how many; NULL: none */
    const struct mock_rule *rule;
    size_t rules;
} kind[] = {
    { "PullSubscriptionRequest", MOCK_SUB_PULL, "Timeout", pull_rule, 5 },
    { "PushSubscriptionRequest", MOCK_SUB_PUSH, "StatusFrequency", push_rule, 7 },
    { "StreamingSubscriptionRequest", MOCK_SUB_STREAMING, NULL, streaming_rule, 2 },
};
enum { KINDS = sizeof(kind) / sizeof(*kind) };

static bool request_read(struct mock_call *call, const struct xml_node *request, size_t k,
                         struct mock_sub_args *args)
{
    struct gw_str all = xml_attr(request, "SubscribeToAllFolders");
    int64_t minutes = 0;

    if (!mock_check_children(call, request, kind[k].rule, kind[k].rules) ||
        (all.p && !mock_check_bool(call, all, "SubscribeToAllFolders")) ||
        !events_read(call, xml_child(request, MOCK_NS_TYPES, "EventTypes"), &args->events) ||
        (kind[k].minutes &&
         !mock_check_int(call, xml_child(request, MOCK_NS_TYPES, kind[k].minutes), 1,
                         MOCK_SUB_MINUTES_MAX, &minutes)))
        return false;
    args->kind = kind[k].kind;
    args->minutes = (int)minutes;
    args->url = xml_child_text(request, MOCK_NS_TYPES, "URL");
    return true;
}

/* The mailbox server whose memory it is in. */
static const char *backend_of(const struct mock_call *call, enum mock_sub_kind what)
{
    const struct mock_service *service = call->service;

    if (service->affinity_home && what == MOCK_SUB_STREAMING && call->self &&
        service->product->newest >= MOCK_V2013)
        return mock_database_of(service->places, call->self, call->now.mono)->server;
    return call->backend.name;
}

bool mock_subscribe(struct mock_call *call)
{
    const struct xml_node *request = call->node->child;
    struct mock_sub_args args = { .site = call->request->site, .version = call->version_name };
    struct mock_sub *sub = NULL;
    const char *code;
    size_t k = 0;

    while (k < KINDS && !(request && xml_is(request, MOCK_NS_MESSAGES, kind[k].element)))
        k++;
    if (k == KINDS || request->next ||
        (kind[k].kind == MOCK_SUB_STREAMING &&
         !mock_version_has(call->version, MOCK_HAS_STREAMING)))
        return mock_fault_schema(call, "The element 'Subscribe' must hold one request for a "
                                       "subscription of a kind that this version knows.");
    if (!request_read(call, request, k, &args))
        return false;
    args.account = gw_str_of(call->request->account->name);
    args.backend = gw_str_of(backend_of(call, kind[k].kind));
    code = sub_make(call, request, &args, &sub);
    subscribe_write(call, code, sub);
    return true;
}
