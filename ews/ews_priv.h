/* What the files of ews/ share. */
#ifndef EWS_PRIV_H
#define EWS_PRIV_H

#include <stdarg.h>

#include "ews_client.h"
#include "ews_codec.h"
#include "gw_list.h"
#include "gw_log.h"
#include "xml_doc.h"
#include "xml_write.h"

#define EWS_NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"
#define EWS_NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define EWS_NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"

/* One operation: everything that differs between them. */
struct ews_op_info {
    const char *name;   /* for logs */
    const char *answer; /* the local name of the answer's body; NULL: no SOAP */
    const char *root;   /* no SOAP: of its root element */
    size_t body_max;
    unsigned nodes_max;
    bool impersonates;      /* speaks for request->mailbox */
    bool time_zone_context; /* the WSDL allows the header */
    bool discovers;         /* the answer may be an HTTP redirect */
    bool owner_only;        /* a fault with ErrorCode: the mailbox is not the caller's own */
    bool wide;              /* too large an answer is cured by asking for less */
    bool names_mailboxes;   /* each part of the answer says whose it is */
    /* What the request says, apart from an impersonated mailbox; NULL: nothing else. */
    enum gw_code (*check)(const struct ews_request *request, struct gw_err *err);
    /* NULL: since ever. */
    bool (*supported)(const struct ews_request *request, const struct ews_dialect *dialect);
    void (*write)(struct xml_writer *w, const struct ews_request *request,
                  const struct ews_dialect *dialect);
    /* Instead of write: the whole of it, with an envelope of its own or none. */
    void (*document)(struct xml_writer *w, const struct ews_request *request);
    void (*parse)(const struct xml_node *body, const struct ews_request *request,
                  struct gw_arena *arena, struct ews_answer *out);
};
const struct ews_op_info *ews_op_info(enum ews_op op);

/* ews_op_*.c, one each or a few that belong together. */
extern const struct ews_op_info ews_op_subscribe, ews_op_unsubscribe, ews_op_get_events,
    ews_op_stream, ews_op_find_item, ews_op_availability, ews_op_oof, ews_op_mail_tips, ews_op_sync,
    ews_op_resolve, ews_op_get_folder, ews_op_find_folder, ews_op_discover, ews_op_discover_pox;

/* ews_op_discover.c. False: the answer sends to nobody else. */
bool ews_discover_redirect(const struct ews_http *http, struct gw_arena *arena,
                           struct ews_answer *out);

/* ews_request.c: for the writers. */
enum gw_code ews_address_check(struct gw_str mailbox, struct gw_err *err);
enum gw_code ews_mailboxes_check(const struct ews_request *request, size_t max, struct gw_err *err);
enum gw_code ews_subscription_check(struct gw_str id, struct gw_err *err);
enum gw_code ews_window_check(const struct ews_request *request, struct gw_err *err);
gw_utc ews_window_start(const struct ews_request *request); /* outwards to whole seconds */
gw_utc ews_window_end(const struct ews_request *request);
void ews_put_int(struct xml_writer *w, const char *name, int64_t n);
void ews_put_attr_int(struct xml_writer *w, const char *name, int n);
enum gw_code ews_folders_check(const struct ews_request *request, struct gw_err *err);
void ews_put_folder(struct xml_writer *w, const char *distinguished);
/* The mailbox's own calendar, and further ones that the request names. */
void ews_put_calendar_folders(struct xml_writer *w, const char *list,
                              const struct ews_request *request);

/* ews_speaker.c: whom a request that impersonates nobody may name as the one it speaks for; empty:
 * nobody. What is wrong with that one alone is told of each mailbox, not of the whole request. */
struct gw_str ews_speaker_of(const struct ews_request *request);
void ews_speaker_blame(const struct ews_request *request, struct gw_arena *arena,
                       struct ews_answer *out);

/* ews_answer.c: for the parsers. */
bool ews_text_is_true(struct gw_str s);
enum gw_busy ews_busy_of(struct gw_str s); /* kinds that are not known are Busy */
bool ews_read_span(const struct xml_node *n, const char *start, const char *end, gw_utc *from,
                   gw_utc *to);
size_t ews_count_children(const struct xml_node *n);
void ews_set_too_large(struct ews_status *out);
void ews_set_missing(struct ews_status *out, const char *what);
/* Room for all the children of n as intervals; NULL, and the status is set, when there is none. */
struct gw_interval *ews_intervals_alloc(const struct xml_node *n, struct gw_arena *arena,
                                        struct ews_status *status);
void ews_calendar_set(struct ews_calendar *c, struct gw_interval *v, size_t count);
/* The first response message; NULL and a status when the answer has none or it is an error. */
const struct xml_node *ews_first_message(const struct xml_node *body, struct ews_status *status);

/* ews_notification.c: one Notification element, added to what n has; texts are the document's until
 * they are kept. False: no room. */
void ews_notification_add(const struct xml_node *notification, struct ews_notification *n);
bool ews_notification_keep(struct ews_notification *n, struct gw_arena *arena);

/* ews_affinity.c: the cookie that leads to the same server again, from the Set-Cookie headers, one a
 * line; as it goes into the Cookie header. Empty: there is none. */
struct gw_str ews_affinity_read(struct gw_str set_cookies, struct gw_arena *arena);
enum gw_code ews_affinity_check(const struct ews_request *request, struct gw_err *err);

/* ews_soap.c: the envelope around the bodies. */
void ews_soap_open(struct xml_writer *w);
const struct xml_node *ews_soap_body(const struct xml_doc *doc); /* its first child, or NULL */
/* The next sibling of the same local name. */
const struct xml_node *ews_next_named(const struct xml_node *n);
/* A response message: its ResponseClass, ResponseCode, MessageText, MessageXml. */
void ews_soap_message_status(const struct xml_node *message, struct ews_status *out);
void ews_soap_fault_status(const struct xml_node *fault, const struct ews_op_info *op,
                           struct ews_status *out);

/* ews_http.c: what an exchange means that brought no SOAP. */
bool ews_http_looks_like_xml(const struct ews_http *http);
bool ews_http_has_word(struct gw_str text, const char *word); /* anywhere, case-blind */
void ews_http_transport_status(const struct ews_http *http, const struct ews_op_info *op,
                               struct ews_status *out);
bool ews_http_date_parse(struct gw_str s, gw_utc *out);
int64_t ews_http_retry_after_ms(const struct ews_http *http);              /* 0: not said */
void ews_http_status(const struct ews_http *http, struct ews_status *out); /* not 200 */
/* Status 200 and a body that is not SOAP; parse_error: of the XML parser, or NULL. */
void ews_http_not_soap_status(const struct ews_http *http, const char *parse_error,
                              struct ews_status *out);

/* ews_error.c. The text is cut to fit. */
void ews_status_set(struct ews_status *out, enum ews_class class, const char *code, const char *fmt,
                    ...) __attribute__((format(printf, 4, 5)));
/* From Exchange's own words: 'message' is quoted. alive is set. */
void ews_status_set_code(struct ews_status *out, struct gw_str response_code,
                         struct gw_str message);
enum { EWS_BACKOFF_MAX_MS = 60 * 60 * 1000 }; /* more than Exchange ever says: minutes */
int64_t ews_backoff_bound(int64_t ms);
/* Decimal digits, whatever their number: what is too long is the bound. False: not digits. */
bool ews_backoff_parse(struct gw_str digits, int64_t unit_ms, int64_t *out_ms);

#endif
