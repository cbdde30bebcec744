/* What the operations share: the call they answer, response messages, faults, and the checks of what
 * the schema demands. */
#ifndef MOCK_SOAP_H
#define MOCK_SOAP_H

#include "mock_names.h"
#include "mock_service.h"
#include "mock_zone.h"
#include "xml_doc.h"
#include "xml_write.h"

struct mock_call {
    const struct mock_service *service;
    const struct mock_request *request;
    struct gw_now now;
    enum mock_version version;
    struct gw_str version_name;  /* as sent; empty: not */
    bool zone_context;           /* TimeZoneContext was sent */
    struct mock_mailbox *self;   /* on whose behalf; NULL: an account without mailbox */
    const struct xml_node *node; /* the body's child */
    struct xml_writer w;         /* inside the answer's Body */
    struct mock_served *served;

    struct {
        const char *code; /* NULL: no fault */
        const char *text;
        char violation[300]; /* of ErrorSchemaValidation */
        int64_t back_off_ms; /* -1: none */
        bool plain;          /* soap:Client with an error code, not a ResponseCode */
    } fault;
};

/* Each operation writes its response element, or fails: then what was written is dropped, and the
 * fault is written instead. */
typedef bool mock_operation_fn(struct mock_call *call);
mock_operation_fn mock_subscribe, mock_unsubscribe, mock_get_events, mock_get_streaming_events;
mock_operation_fn mock_find_item, mock_get_item, mock_get_folder, mock_convert_id,
    mock_get_availability, mock_get_oof;

/* The envelope of an answer up to the open Body, and its end. */
void mock_envelope_open(struct xml_writer *w, struct gw_buf *out,
                        const struct mock_product *server);
void mock_envelope_close(struct xml_writer *w);

/* Always false, to be returned. 'code' is a literal; its text comes from a table. */
bool mock_fault(struct mock_call *call, const char *code);
bool mock_fault_schema(struct mock_call *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What may be in an element, in the schema's order. */
struct mock_rule {
    const char *ns, *name;
    bool required, many;
};
bool mock_check_children(struct mock_call *call, const struct xml_node *node,
                         const struct mock_rule *rules, size_t count);

/* xs:int within limits; the element must be there. */
bool mock_check_int(struct mock_call *call, const struct xml_node *node, int64_t min, int64_t max,
                    int64_t *out);
bool mock_check_bool(struct mock_call *call, struct gw_str text, const char *what);

/* An index into a list of names that ends with NULL. */
bool mock_word_parse(struct gw_str word, const char *const *names, int *out);

/* The generic response message: opened with its class and ResponseCode; the payload follows, then
 * xml_close(). code NULL: success. An error is noted for the journal. */
void mock_message_open(struct mock_call *call, const char *name, const char *code);
/* The same, complete. */
void mock_message_error(struct mock_call *call, const char *name, const char *code);

const char *mock_code_text(const char *code); /* MessageText of a ResponseCode */

void mock_put_id(struct xml_writer *w, const char *name, struct mock_id id, uint32_t change);
void mock_put_bool(struct xml_writer *w, const char *name, bool value);
void mock_put_utc(struct xml_writer *w, const char *name, gw_utc t); /* whole seconds */

/* Folder ids: a child of FolderIds or ParentFolderIds. NULL: found; otherwise a ResponseCode. */
const char *mock_folder_find(struct mock_call *call, const struct xml_node *id,
                             struct mock_mailbox **mailbox, enum mock_folder *folder);

/* As others see it with this request version: WorkingElsewhere is free to the old ones. */
enum gw_busy mock_busy_for(const struct mock_call *call, enum gw_busy busy);

#endif
