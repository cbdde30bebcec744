/* The newest messages, in and out, as an administrator looks at them: without bodies, and without what
 * proves who somebody is. */
#ifndef SIP_TRACE_H
#define SIP_TRACE_H

#include "sip_io.h"

enum {
    SIP_TRACE_KEPT = 500,     /* messages, */
    SIP_TRACE_HEAD_MAX = 4096 /* and so much of each: 2 MiB at the most */
};

struct sip_trace;

struct sip_traced {
    gw_utc at;
    bool is_in;
    enum sip_proto proto;
    size_t body_len;
    struct gw_str peer; /* "192.0.2.1:5060" */
    struct gw_str head; /* lines; UTF-8 without control characters */
    struct gw_str call_id;
};

struct sip_trace *sip_trace_new(void);
void sip_trace_free(struct sip_trace **tracep);

/* 'only': messages without this text in their head are left out; empty: none are. */
void sip_trace_add(struct sip_trace *trace, const struct sip_peer *peer, bool is_in,
                   struct gw_str bytes, struct gw_str only, gw_utc at);

/* The oldest first: start with pos 0; borrowed until the next call. False: no more. */
bool sip_trace_next(struct sip_trace *trace, size_t *pos, struct sip_traced *out);

#endif
