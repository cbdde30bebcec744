/* What the operations share: the call they answer, response messages, faults, and the checks of what
 * the schema demands. */
#ifndef MOCK_SOAP_H
#define MOCK_SOAP_H

#include "mock_names.h"
#include "mock_service.h"
#include "mock_zone_named.h"
#include "xml_doc.h"
#include "xml_write.h"

struct mock_call {
    const struct mock_service *service;
    const struct mock_request *request;
    struct gw_now now;
    enum mock_version version;
    struct gw_str version_name;  /* as sent; empty: not */
    bool zone_context;           /* TimeZoneContext was sent: */
    struct mock_zone_named zone; /* of times without offset; UTC when nothing else is said */
    struct mock_backend backend; /* where the request got to */
    struct mock_mailbox *self;   /* on whose behalf; NULL: an account without mailbox */
    const struct xml_node *node; /* the body's child */
    struct xml_writer w;         /* inside the answer's Body */
    struct mock_served *served;

    struct {
        const char *code; /* NULL: no fault */
        const char *text;
        char violation[300]; /* of ErrorSchemaValidation: */
        int line, column;    /* 0: not known */
        int64_t back_off_ms; /* -1: none */
        bool plain;          /* soap:Client with an error code, not a ResponseCode */
    } fault;
};

/* Each operation writes its response element, or fails: then what was written is dropped, and the
 * fault is written instead. */
typedef bool mock_operation_fn(struct mock_call *call);
mock_operation_fn mock_subscribe, mock_unsubscribe, mock_get_events, mock_get_streaming_events;
mock_operation_fn mock_create_item, mock_update_item, mock_delete_item, mock_move_item,
    mock_sync_items, mock_find_folder;
mock_operation_fn mock_find_item, mock_get_item, mock_get_folder, mock_convert_id,
    mock_get_availability;
mock_operation_fn mock_get_oof, mock_set_oof, mock_get_mail_tips, mock_get_service_configuration,
    mock_resolve_names, mock_get_time_zones;

/* The envelope of an answer up to the open Body, and its end. */
void mock_envelope_open(struct xml_writer *w, struct gw_buf *out,
                        const struct mock_product *server);
void mock_envelope_close(struct xml_writer *w);

/* Always false, to be returned. 'code' is a literal; its text comes from a table. */
bool mock_fault(struct mock_call *call, const char *code);
bool mock_fault_plain(struct mock_call *call, const char *text); /* without ResponseCode */
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

/* The body's element of an answer, with the namespaces of the messages. */
void mock_response_open(struct mock_call *call, const char *name);
/* The same where it is a response message itself. */
void mock_response_message_open(struct mock_call *call, const char *name, const char *code);

/* The generic response message: opened with its class and ResponseCode; the payload follows, then
 * xml_close(). code NULL: success. An error is noted for the journal. */
void mock_message_open(struct mock_call *call, const char *name, const char *code);
/* The same, complete. */
void mock_message_error(struct mock_call *call, const char *name, const char *code);

extern const char *const mock_weekday_name[];   /* from Sunday; ends with NULL */
const char *mock_code_text(const char *code);   /* MessageText of a ResponseCode */
const char *mock_code_find(struct gw_str code); /* the literal; NULL: not known here */

void mock_put_id(struct xml_writer *w, const char *name, struct mock_id id, uint32_t change);
void mock_put_bool(struct xml_writer *w, const char *name, bool value);
void mock_put_int(struct xml_writer *w, const char *name, int64_t value);
void mock_put_utc(struct xml_writer *w, const char *name, gw_utc t);    /* whole seconds */
void mock_put_duration(struct xml_writer *w, gw_utc start, gw_utc end); /* t:Duration */

/* Folder ids: a child of FolderIds or ParentFolderIds. NULL: found; otherwise a ResponseCode. */
const char *mock_folder_find(struct mock_call *call, const struct xml_node *id,
                             struct mock_mailbox **mailbox, enum mock_folder *folder);

/* Why this request cannot get to the mailbox: a ResponseCode; NULL: it can. */
const char *mock_reach(const struct mock_call *call, const struct mock_mailbox *mailbox);

/* As others see it with this request version: WorkingElsewhere is free to the old ones. */
enum gw_busy mock_busy_for(const struct mock_call *call, enum gw_busy busy);

#endif
