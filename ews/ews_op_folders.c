/* Which calendars a mailbox has: its own one (GetFolder), and the further ones (FindFolder). These are all
 * folders of the class of a calendar, wherever they are, but for the own one and what was deleted. Under
 * msgfolderroot Exchange finds both of these too: what is deleted is asked for by itself, in the same
 * request, and taken away from what was found. */
#include "ews_priv.h"

enum { FOUND_MAX = 200 /* folders asked for at once; those beyond are not found, which is said */ };

static void put_shape(struct xml_writer *w)
{
    xml_open(w, "m:FolderShape");
    xml_put(w, "t:BaseShape", GW_STR("IdOnly"));
    xml_open(w, "t:AdditionalProperties");
    xml_open(w, "t:FieldURI");
    xml_put_attr(w, "FieldURI", GW_STR("folder:DisplayName"));
    xml_close(w);
    xml_close(w);
    xml_close(w);
}

/* The parts of a folder element that count; a name that is not one line is none. False: no room. */
static bool read_folder(const struct xml_node *folder, struct gw_arena *arena,
                        struct ews_folder *out)
{
    struct gw_str name = gw_str_utf8_cut(xml_child_text(folder, NULL, "DisplayName"), EWS_NAME_MAX);

    out->id = gw_arena_dup(arena, xml_attr(xml_child(folder, NULL, "FolderId"), "Id"));
    out->name = gw_arena_dup(arena, gw_str_is_line(name) ? name : GW_STR(""));
    return out->id.p && out->name.p;
}

/* As it goes into a line, and back to Exchange. */
static bool is_id(struct gw_str id)
{
    return id.len && id.len <= EWS_ID_MAX && gw_str_is_line(id) && gw_str_find(id, ' ') < 0;
}

static struct gw_str id_of(const struct xml_node *folder)
{
    return xml_attr(xml_child(folder, NULL, "FolderId"), "Id");
}

/* ---- GetFolder -------------------------------------------------------------------------------- */

static void get_folder_write(struct xml_writer *w, const struct ews_request *request,
                             const struct ews_dialect *dialect)
{
    (void)request;
    (void)dialect;
    xml_open(w, "m:GetFolder");
    put_shape(w);
    xml_open(w, "m:FolderIds");
    ews_put_folder(w, "calendar");
    xml_close(w);
    xml_close(w);
}

static void get_folder_parse(const struct xml_node *body, const struct ews_request *request,
                             struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status);
    const struct xml_node *list = xml_child(message, NULL, "Folders");
    struct ews_folder *own;

    (void)request;
    if (!message)
        return;
    if (!list || !is_id(id_of(list->child))) {
        ews_set_missing(&out->status, "usable id of the calendar");
        return;
    }
    own = gw_arena_alloc(arena, sizeof(*own));
    if (!own || !read_folder(list->child, arena, own)) {
        ews_set_too_large(&out->status);
        return;
    }
    out->folders = own;
    out->folder_count = 1;
}

const struct ews_op_info ews_op_get_folder = { .name = "GetFolder",
                                               .answer = "GetFolderResponse",
                                               .body_max = 64 * 1024,
                                               .nodes_max = 1000,
                                               .impersonates = true,
                                               .write = get_folder_write,
                                               .parse = get_folder_parse };

/* ---- FindFolder ------------------------------------------------------------------------------- */

static enum gw_code find_folder_check(const struct ews_request *request, struct gw_err *err)
{
    if (!request->own_folder.len || request->own_folder.len > EWS_ID_MAX)
        return gw_fail(err, GW_INVALID, "id of the own calendar is missing or longer than %d bytes",
                       EWS_ID_MAX);
    return GW_OK;
}

static void put_restriction(struct xml_writer *w)
{
    xml_open(w, "m:Restriction");
    xml_open(w, "t:IsEqualTo");
    xml_open(w, "t:FieldURI");
    xml_put_attr(w, "FieldURI", GW_STR("folder:FolderClass"));
    xml_close(w);
    xml_open(w, "t:FieldURIOrConstant");
    xml_open(w, "t:Constant");
    xml_put_attr(w, "Value", GW_STR("IPF.Appointment"));
    xml_close(w);
    xml_close(w);
    xml_close(w);
    xml_close(w);
}

static void find_folder_write(struct xml_writer *w, const struct ews_request *request,
                              const struct ews_dialect *dialect)
{
    (void)request;
    (void)dialect;
    xml_open(w, "m:FindFolder");
    xml_put_attr(w, "Traversal", GW_STR("Deep"));
    put_shape(w);
    xml_open(w, "m:IndexedPageFolderView");
    ews_put_attr_int(w, "MaxEntriesReturned", FOUND_MAX);
    ews_put_attr_int(w, "Offset", 0);
    xml_put_attr(w, "BasePoint", GW_STR("Beginning"));
    xml_close(w);
    put_restriction(w);
    xml_open(w, "m:ParentFolderIds");
    ews_put_folder(w, "msgfolderroot");
    ews_put_folder(w, "deleteditems");
    xml_close(w);
    xml_close(w);
}

static const struct xml_node *found_in(const struct xml_node *message)
{
    return xml_path(message, "RootFolder/Folders");
}

static bool is_among(const struct xml_node *list, struct gw_str id)
{
    for (const struct xml_node *n = list ? list->child : NULL; n; n = n->next)
        if (gw_str_eq(id_of(n), id))
            return true;
    return false;
}

/* A mailbox without Deleted Items has none of them; what else is wrong there is wrong with the answer. */
static const struct xml_node *deleted_of(const struct xml_node *message, struct ews_status *status)
{
    struct ews_status deleted;

    if (!message) {
        ews_set_missing(status, "word about deleted folders");
        return NULL;
    }
    ews_soap_message_status(message, &deleted);
    if (deleted.class != EWS_OK && deleted.class != EWS_MAILBOX)
        *status = deleted;
    return found_in(message);
}

static void find_folder_parse(const struct xml_node *body, const struct ews_request *request,
                              struct gw_arena *arena, struct ews_answer *out)
{
    const struct xml_node *message = ews_first_message(body, &out->status), *deleted;
    const struct xml_node *list = found_in(message);
    struct ews_folder *folders;
    size_t count = 0;

    if (!message)
        return;
    if (!list) {
        ews_set_missing(&out->status, "list of folders");
        return;
    }
    deleted = deleted_of(message->next, &out->status);
    folders = gw_arena_alloc(arena, (ews_count_children(list) + 1) * sizeof(*folders));
    for (const struct xml_node *n = list->child; folders && n; n = n->next) {
        struct gw_str id = id_of(n);

        if (!is_id(id)) {
            out->dropped++;
            continue;
        }
        if (gw_str_eq(id, request->own_folder) || is_among(deleted, id))
            continue;
        if (!read_folder(n, arena, &folders[count++]))
            folders = NULL;
    }
    if (!folders)
        ews_set_too_large(&out->status);
    out->folders = folders;
    out->folder_count = folders ? count : 0;
    out->folders_cut = gw_str_is(
        xml_attr(xml_child(message, NULL, "RootFolder"), "IncludesLastItemInRange"), "false");
}

const struct ews_op_info ews_op_find_folder = {
    .name = "FindFolder",
    .answer = "FindFolderResponse",
    .body_max = 512 * 1024, /* a folder takes some 500 bytes and 4 nodes */
    .nodes_max = 5000,
    .impersonates = true,
    .check = find_folder_check,
    .write = find_folder_write,
    .parse = find_folder_parse
};
