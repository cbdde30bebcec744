/* The order in which places are asked where a mailbox is:
 *
 *   the server that the administrator named, if any
 *   https://DOMAIN/autodiscover/, https://autodiscover.DOMAIN/autodiscover/
 *   what http://autodiscover.DOMAIN/autodiscover/autodiscover.xml redirects to; asked without login
 *   the hosts of the SRV records _autodiscover._tcp.DOMAIN, as RFC 2782 orders them, at most four
 *
 * Each one by SOAP, then by POX. Places that others send on to come in between, at most ten; only by
 * https. A refused login does not end it: the next place may be the right one. Pure: somebody else
 * takes the steps. (A domain member would look into Active Directory first; we are none.) */
#ifndef EWS_TRAIL_H
#define EWS_TRAIL_H

#include <stdint.h>

#include "ews_ops.h"

struct ews_trail;

struct ews_trail_args {
    const char *address; /* of the mailbox */
    const char *server;  /* "host" or "host:port", perhaps after "https://"; NULL: none */
    bool allow_http;     /* lab: to be sent on to http, or a server "http://..." is fine, too */
    bool shows_secret; /* the login is Basic or a token: what comes without TLS, the plain redirect
                            and the SRV record, is believed only if it names a host of the domain */
    uint16_t plain_port; /* lab: the domain's places are asked there, by http; 0: as it must be */
};

enum { EWS_TRAIL_HOPS_MAX = 10, EWS_TRAIL_PLACES_MAX = 4 /* each may cost a time-out */ };

enum ews_trail_kind {
    EWS_TRAIL_ASK,      /* op at url for address: then ews_trail_answered() */
    EWS_TRAIL_REDIRECT, /* GET url, without login: then ews_trail_redirected() */
    EWS_TRAIL_SRV,      /* look up url, a name: then ews_trail_srv() */
    EWS_TRAIL_END       /* ews_trail_result() */
};

struct ews_trail_step {
    enum ews_trail_kind kind;
    enum ews_op op;
    const char *address;
    const char *url;
};

/* GW_INVALID: the address is none. */
enum gw_code ews_trail_new(const struct ews_trail_args *args, struct ews_trail **out,
                           struct gw_err *err);
void ews_trail_free(struct ews_trail **trailp);

/* What to do now; borrowed until its outcome is told. */
const struct ews_trail_step *ews_trail_step(const struct ews_trail *t);
void ews_trail_answered(struct ews_trail *t, const struct ews_answer *answer);
void ews_trail_redirected(struct ews_trail *t, struct gw_str location); /* empty: nowhere */
struct ews_trail_place {
    struct gw_str host;
    uint16_t port;
};
void ews_trail_srv(struct ews_trail *t, const struct ews_trail_place *places, size_t count);

/* EWS_OK: url is that of EWS, inside if the server said so. Otherwise the failure that tells most. */
struct ews_trail_result {
    struct ews_status status;
    const char *address; /* the mailbox's own, perhaps another one than was asked for */
    const char *url;
    const char *external_url, *grouping; /* empty: not said */
};
void ews_trail_result(const struct ews_trail *t, struct ews_trail_result *out); /* borrowed */

#endif
