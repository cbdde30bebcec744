/* Where requests to an address go: the one table of it, made of the settings. Pure: what has to be asked
 * of the DNS stands in the plan as a question.
 *
 *   static routes of the address, or of its domain (the longest pattern), by priority
 *   else SRV _sipfederationtls._tcp of the domain
 *   of AOL's kind, when neither is there: the same two for the default federation routing domain
 *   of the kind simple, when neither is there, RFC 3263: NAPTR, and the SRV records that it names;
 *     without NAPTR SRV _sips._tcp, _sip._tcp, _sip._udp; else the addresses of the domain, over UDP */
#ifndef SIP_ROUTE_H
#define SIP_ROUTE_H

#include "gw_err.h"
#include "gw_str.h"
#include "sip_io.h"
#include "sip_map.h"
#include "sip_settings.h"

enum {
    SIP_HOST_MAX = 255,
    SIP_PATTERN_MAX = 320,
    SIP_STEPS_MAX = 12, /* routes beyond it have no turn */
    SIP_PRIORITY_MAX = 1000
};

struct sip_hop {
    enum sip_proto proto;
    uint16_t port;
    char host[SIP_HOST_MAX + 1]; /* address or name; IPv6 without brackets */
};

enum sip_rule {
    SIP_RULE_STATIC,
    SIP_RULE_SRV,
    SIP_RULE_DEFAULT_STATIC,
    SIP_RULE_DEFAULT_SRV,
    SIP_RULE_NAPTR,
    SIP_RULE_NAMED, /* an SRV record that NAPTR names */
    SIP_RULE_SIPS,
    SIP_RULE_TCP,
    SIP_RULE_UDP,
    SIP_RULE_ADDRESS,
    SIP_RULE_NAME /* whose addresses the transport finds */
};
extern const char *const sip_rule_names[]; /* "static route" */

struct sip_step {
    enum sip_rule rule;
    struct sip_hop hop;                /* of what is asked: the domain, or NAMED the whole name */
    unsigned priority;                 /* of a static route */
    char pattern[SIP_PATTERN_MAX + 1]; /* the same, as it was set */
};

struct sip_plan {
    enum sip_kind kind;
    bool keeps_proto; /* what NAPTR names for other transports does not count */
    struct sip_step steps[SIP_STEPS_MAX];
    size_t count;
};

/* ".example.partner.*=tls:edge.partner.example:5061/1, ann@partner.example=tcp:192.0.2.7". */
enum gw_code sip_routes_check(struct gw_str list, struct gw_err *err);

/* For a bare address in lower case; is_ours: of a domain that is served here, whose other users another
 * system has: there only static routes lead. GW_INVALID: no address. GW_DENIED: not a domain that is
 * federated by SIP, GW_NOTFOUND: no static route; err says what to do. Else at least one step. */
enum gw_code sip_route_plan(const struct sip_settings *settings, struct gw_str address,
                            bool is_ours, struct sip_plan *out, struct gw_err *err);

/* For a server with a name; port 0: it is not said (RFC 3263 4.2). Over its transport and no other. */
void sip_route_server(const struct sip_peer *server, struct sip_plan *out);

/* Each route of the list, seen from a domain; 'rest' is the list to begin with. False: no more. */
struct sip_route_end {
    enum sip_proto proto;
    struct gw_str host;             /* of the next hop */
    bool leads;                     /* it is a way to the domain, or to a user of it */
    char name[SIP_PATTERN_MAX + 1]; /* the domain or host of its pattern: fe1.lync.example */
};
bool sip_route_next(struct gw_str *rest, struct gw_str domain, struct sip_route_end *out);

/* A host that a peer has named, in Contact or Record-Route: the static route of exactly this name, by the
 * lowest priority. False: it has none. */
bool sip_route_host(const struct sip_settings *settings, struct gw_str host, struct sip_hop *out);

#endif
