/* ResolveNames: who is meant by an address or a piece of a name, by the directory. Several answers
 * come as a warning, which is no error here. */
#include "ews_priv.h"

static enum gw_code resolve_check(const struct ews_request *request, struct gw_err *err)
{
    if (!request->name.len || request->name.len > EWS_NAME_MAX)
        return gw_fail(err, GW_INVALID, "name to resolve is missing or longer than %d bytes",
                       EWS_NAME_MAX);
    return GW_OK;
}

static void resolve_write(struct xml_writer *w, const struct ews_request *request,
                          const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:ResolveNames");
    xml_put_attr(w, "ReturnFullContactData", GW_STR("false"));
    xml_put_attr(w, "SearchScope", GW_STR("ActiveDirectory"));
    xml_put(w, "m:UnresolvedEntry", request->name);
    xml_close(w);
}

/* False: without an SMTP address it is of no use. */
static bool read_resolution(const struct xml_node *n, struct gw_arena *arena,
                            struct ews_resolution *out)
{
    const struct xml_node *mailbox = xml_child(n, NULL, "Mailbox");
    struct gw_str address = xml_child_text(mailbox, NULL, "EmailAddress");
    struct gw_str routing = xml_child_text(mailbox, NULL, "RoutingType");

    if ((routing.len && !gw_str_iis(routing, "SMTP")) || ews_address_check(address, NULL))
        return false;
    out->address = gw_arena_dup(arena, address);
    out->name = gw_arena_dup(arena, xml_child_text(mailbox, NULL, "Name"));
    out->mailbox_type = gw_arena_dup(arena, xml_child_text(mailbox, NULL, "MailboxType"));
    return out->address.p && out->name.p && out->mailbox_type.p;
}

static void resolve_parse(const struct xml_node *body, const struct ews_request *request,
                          struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    const struct xml_node *set = xml_child(message, NULL, "ResolutionSet");
    const struct xml_node *n = xml_child(set, NULL, "Resolution");
    struct ews_resolution *v;

    (void)request;
    if (!message)
        return;
    if (!set) {
        ews_set_missing(&out->status, "ResolutionSet");
        return;
    }
    v = gw_arena_alloc(arena, EWS_RESOLUTIONS_MAX * sizeof(*v));
    if (!v) {
        ews_set_too_large(&out->status);
        return;
    }
    for (; n; n = ews_next_named(n)) {
        if (out->resolution_count < EWS_RESOLUTIONS_MAX &&
            read_resolution(n, arena, &v[out->resolution_count]))
            out->resolution_count++;
        else
            out->dropped++;
    }
    out->resolutions = v;
}

const struct ews_op_info ews_op_resolve = { .name = "ResolveNames",
                                            .answer = "ResolveNamesResponse",
                                            .body_max = 512 * 1024,
                                            .nodes_max = 10000,
                                            .check = resolve_check,
                                            .write = resolve_write,
                                            .parse = resolve_parse };
