/* SIP messages (RFC 3261 7 and 25): split and bounded by us, header values by libosip2's parser,
 * which only sip_msg.c sees. Everything borrows from the bytes that were parsed, or from the
 * message's arena. */
#ifndef SIP_MSG_H
#define SIP_MSG_H

#include "gw_arena.h"
#include "gw_err.h"
#include "gw_str.h"

enum {
    SIP_MSG_MAX = 64 * 1024, /* headers and one document, and what fits in a datagram */
    SIP_HEAD_MAX = 16 * 1024,
    SIP_HEADERS_MAX = 128, /* header fields, as they stand in the message */
    SIP_VALUES_MAX = 64,   /* of Via */
    SIP_NAME_MAX = 64,     /* of a method */
    SIP_TAG_MAX = 256,
    SIP_CALL_ID_MAX = 256,
    SIP_URI_MAX = 1024
};

enum sip_method {
    SIP_OTHER_METHOD,
    SIP_ACK,
    SIP_BYE,
    SIP_CANCEL,
    SIP_INFO,
    SIP_INVITE,
    SIP_MESSAGE,
    SIP_NOTIFY,
    SIP_OPTIONS,
    SIP_PUBLISH,
    SIP_REFER,
    SIP_REGISTER,
    SIP_SUBSCRIBE
};
const char *sip_method_name(enum sip_method method);

enum sip_name {
    SIP_OTHER_NAME,
    SIP_ACCEPT,
    SIP_AUTHORIZATION,
    SIP_CALL_ID,
    SIP_CONTACT,
    SIP_CONTENT_LENGTH,
    SIP_CONTENT_TYPE,
    SIP_CSEQ,
    SIP_ENDPOINTS, /* who takes part in a talk, Lync's and OCS's own */
    SIP_ETAG,
    SIP_EVENT,
    SIP_EXPIRES,
    SIP_FROM,
    SIP_IF_MATCH,
    SIP_MAX_FORWARDS,
    SIP_MIN_EXPIRES,
    SIP_PATH,
    SIP_RECORD_ROUTE,
    SIP_REQUIRE,
    SIP_RETRY_AFTER,
    SIP_SUBSCRIPTION_STATE,
    SIP_SUPPORTED,
    SIP_TO,
    SIP_USER_AGENT,
    SIP_VIA,
    SIP_NAME_COUNT
};

struct sip_header {
    enum sip_name name;
    struct gw_str value; /* unfolded, without white space around it */
};

struct sip_uri {
    struct gw_str text; /* as it is written */
    struct gw_str scheme, host, transport;
    struct gw_str user; /* unescaped; empty, too, where a NUL was escaped in it */
    uint16_t port;      /* 0: none given */
    bool is_sip;        /* sip: or sips: */
    bool is_sips;
    bool has_headers; /* sip:x@y?Route=... */
};

struct sip_addr { /* From, To, Contact, Route */
    struct gw_str text;
    struct sip_uri uri;
    struct gw_str tag;
};

struct sip_via {
    struct gw_str text;
    struct gw_str transport; /* "UDP" */
    struct gw_str host, branch, received;
    uint16_t port;
    bool has_rport;
};

struct sip_msg {
    struct gw_arena arena;
    bool is_request;
    enum sip_method method; /* of a response: CSeq's */
    struct gw_str method_name;
    struct sip_uri target; /* the request URI */
    unsigned status;
    struct sip_via via; /* the first */
    size_t via_count;
    /* Of an answer that can make no dialog the texts of From and To, and no contact. */
    struct sip_addr from, to, contact;
    bool has_contact;
    size_t contact_count;
    struct gw_str call_id;
    uint32_t cseq;
    int64_t expires;       /* -1: none; what is too large is 2^32 - 1 */
    int64_t retry_after_s; /* -1: none */
    int64_t min_expires_s; /* the same */
    int max_forwards;      /* -1: none */
    struct gw_str event, event_id;
    struct gw_str body;
    unsigned char first[SIP_NAME_COUNT]; /* where a header stands first, from 1; 0: nowhere */
    struct sip_header headers[SIP_HEADERS_MAX];
    size_t header_count;

    /* Of a request that is refused: what to answer, 0: nothing can be answered. */
    unsigned answer;
    bool is_repeatable; /* an answer can have its Via, From, To and Call-ID */
};

/* 'bytes' holds one message and is borrowed as long as 'm' lives; what follows the body that
 * Content-Length tells (datagrams) is not looked at. After a failure of a request m->answer may tell
 * how to refuse it, and the headers that were found can be used for that. Always to be followed by
 * sip_msg_done(). */
enum gw_code sip_msg_parse(struct sip_msg *m, struct gw_str bytes, struct gw_err *err);
void sip_msg_done(struct sip_msg *m);

/* The values of a header one by one, split at commas where the grammar has lists; start with pos
 * zeroed. False: no more. */
struct sip_pos {
    size_t header, offset;
};
bool sip_msg_next(const struct sip_msg *m, enum sip_name name, struct sip_pos *pos,
                  struct gw_str *out);

/* Scheme, user, host ... of one URI; borrows from 'text' and 'arena'. */
enum gw_code sip_uri_parse(struct gw_str text, struct gw_arena *arena, struct sip_uri *out,
                           struct gw_err *err);

/* A name-addr or addr-spec with its parameters. */
enum gw_code sip_addr_parse(struct gw_str text, struct gw_arena *arena, struct sip_addr *out,
                            struct gw_err *err);

/* The value of a parameter behind an address or another value, as it is written; empty: without one.
 * False: it is not there. */
bool sip_param_find(struct gw_str value, const char *name, struct gw_str *out);

/* "application/pidf+xml" of "application/pidf+xml; charset=utf-8". */
struct gw_str sip_media_type(struct gw_str value);
struct gw_str sip_msg_type(const struct sip_msg *m); /* of its body; empty: not said */

#endif
