/* Requests and answers of Exchange Web Services as pure functions: values in, text out, and back.
 * Strict in what is sent (it validates against Microsoft's schema); generous in what is taken:
 * local names are matched, prefixes, order and unknown elements are ignored. */
#ifndef EWS_CODEC_H
#define EWS_CODEC_H

#include "ews_notification.h"
#include "ews_ops.h"

/* What a server of that generation understands. */
struct ews_dialect {
    const char *version;    /* RequestServerVersion: "Exchange2010_SP2" */
    bool time_zone_context; /* TimeZoneContext with any zone id */
    bool free_busy_event;   /* FreeBusyChangedEvent */
    bool smtp_address;      /* impersonation by any proxy address, not the primary one only */
    bool mail_tips;         /* GetMailTips */
    bool streaming;         /* streaming subscriptions */
};

const struct ews_dialect *ews_dialect_default(void);                      /* Exchange2010_SP2 */
const struct ews_dialect *ews_dialect_find(struct gw_str version);        /* NULL: unknown */
const struct ews_dialect *ews_dialect_lower(const struct ews_dialect *d); /* NULL: the lowest */
bool ews_dialect_is_newer(const struct ews_dialect *a, const struct ews_dialect *b);

/* The best for a server whose ServerVersionInfo says so; 0: not said. */
const struct ews_dialect *ews_dialect_of_server(int major, int minor);

enum {
    EWS_REQUEST_MAX = 512 * 1024, /* bytes: 200 subscription ids of the greatest length */
    EWS_MAILBOX_MAX = 320,        /* bytes of an SMTP address, RFC 5321 4.5.3.1 */
    EWS_FIND_ITEM_MAX = 500,      /* items asked for at once; more comes back as truncated */
    EWS_STREAM_DOCUMENT_MAX = 1024 * 1024 /* bytes of one document of a stream: 200 notifications of
                                             some 1.5 KiB would be much */
};

/* A whole SOAP envelope. GW_INVALID: the request is not one that could be sent; GW_NOTFOUND: not to
 * a server of that generation; nothing was written. Overflow is the buffer's sticky failure. */
enum gw_code ews_request_write(const struct ews_request *request, const struct ews_dialect *dialect,
                               struct gw_buf *out, struct gw_err *err);

/* One HTTP exchange with a server, as far as it matters. Header values have a NULL pointer when
 * there is none. */
struct ews_http {
    enum gw_code code; /* as net_http_answer */
    const char *error; /* when code is not GW_OK */
    int status;
    struct gw_str body;
    struct gw_str content_type, location, retry_after, cas_error;
    struct gw_str set_cookies; /* all of them, one a line */
    struct gw_str date;        /* a Retry-After that is a date is by the server's clock */
    gw_utc now;                /* ours, if the server does not say its own */
};

/* Bytes of an answer's body that are worth reading, and of the arena for what is kept of it. */
size_t ews_answer_body_max(enum ews_op op);
enum { EWS_ANSWER_ARENA = 4 * 1024 * 1024 };

/* Always fills out, whatever came: out->status tells. Of the request op, speaker, mailbox_count,
 * sub_mode, the window, item_fields, folder_count, own_folder and, for MAIL_TIPS, mailboxes are used. Strings and arrays of out
 * live in the arena. */
void ews_answer_parse(const struct ews_request *request, const struct ews_http *http,
                      struct gw_arena *arena, struct ews_answer *out);

const char *ews_op_name(enum ews_op op); /* "Subscribe", for logs */

#endif
