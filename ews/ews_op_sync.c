/* SyncFolderItems, asked for ids only: not to follow each item, but to learn cheaply whether a
 * calendar is still the one that was read. It knows no occurrences: a change of a series is one. */
#include "ews_priv.h"

enum { CHANGES_MAX = 512 }; /* of one answer, by the schema */

static enum gw_code sync_check(const struct ews_request *request, struct gw_err *err)
{
    if (request->sync_state.len > EWS_SYNC_STATE_MAX)
        return gw_fail(err, GW_INVALID, "sync state is longer than %d bytes", EWS_SYNC_STATE_MAX);
    return GW_OK;
}

static void sync_write(struct xml_writer *w, const struct ews_request *request,
                       const struct ews_dialect *dialect)
{
    (void)dialect;
    xml_open(w, "m:SyncFolderItems");
    xml_open(w, "m:ItemShape");
    xml_put(w, "t:BaseShape", GW_STR("IdOnly"));
    xml_close(w);
    xml_open(w, "m:SyncFolderId");
    ews_put_folder(w, "calendar");
    xml_close(w);
    if (request->sync_state.len)
        xml_put(w, "m:SyncState", request->sync_state);
    ews_put_int(w, "m:MaxChangesReturned", CHANGES_MAX);
    xml_close(w);
}

static void sync_parse(const struct xml_node *body, const struct ews_request *request,
                       struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    const struct xml_node *changes = xml_child(message, NULL, "Changes");
    struct gw_str state = xml_child_text(message, NULL, "SyncState");
    struct gw_str all = xml_child_text(message, NULL, "IncludesLastItemInRange");

    (void)request;
    if (!message)
        return;
    if (!state.len || state.len > EWS_SYNC_STATE_MAX) {
        ews_set_missing(&out->status, "usable SyncState");
        return;
    }
    out->sync_state = gw_arena_dup(arena, state);
    out->changed = changes && changes->child;
    out->more = all.len && !ews_text_is_true(all);
}

const struct ews_op_info ews_op_sync = {
    .name = "SyncFolderItems",
    .answer = "SyncFolderItemsResponse",
    .body_max = 1024 * 1024, /* 512 changes of some 400 bytes, and a state */
    .nodes_max = 10000,
    .impersonates = true,
    .check = sync_check,
    .write = sync_write,
    .parse = sync_parse
};
