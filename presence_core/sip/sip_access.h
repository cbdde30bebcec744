/* Who may come in, and whose users may watch: the lists of the settings. Pure. */
#ifndef SIP_ACCESS_H
#define SIP_ACCESS_H

#include "gw_err.h"
#include "gw_str.h"
#include "sip_map.h"

/* "all", or addresses, networks, and names of hosts and domains: "192.0.2.0/24, 2001:db8::/32,
 * fe1.lync.example, partner.example". */
enum gw_code sip_acl_check(struct gw_str list, struct gw_err *err);
bool sip_acl_allows(struct gw_str list, struct gw_str address);
/* An address or a name that stands there by itself, in a network or in a domain: not only as one of all. */
bool sip_acl_lists(struct gw_str list, struct gw_str host);
bool sip_acl_has_names(struct gw_str list);
bool sip_acl_allows_name(struct gw_str list, struct gw_str name); /* the name, or its domain */

bool sip_domain_is(struct gw_str text); /* in lower case */

/* "partner.example=lync, other.example@sip.hoster.example, b.example@192.0.2.0/24": behind the at sign, who
 * alone speaks for this domain: an address, a network, or the subject CN of a certificate; a domain may
 * stand there several times. */
struct sip_domain {
    struct gw_str name;
    struct gw_str where; /* empty: not said */
    struct gw_str
        entry; /* of its servers, in who may come in: the network that is said, or else the domain: of one that is not ours */
    enum sip_kind kind;
};
enum gw_code sip_domains_check(struct gw_str list, struct gw_err *err);
/* Each entry; 'rest' is the list to begin with. False: no more. */
bool sip_domains_next(struct gw_str *rest, struct sip_domain *out);
/* As which domain it is in the list. */
struct gw_str sip_domains_listed_as(struct gw_str domain);
/* Here and below aim.com is found as aol.com: they are one to AOL. */
bool sip_domains_find(struct gw_str list, struct gw_str domain, enum sip_kind *kind);

/* "lync, aol, other.example": kinds, and domains. */
enum gw_code sip_session_peers_check(struct gw_str list, struct gw_err *err);
bool sip_session_peers_have(struct gw_str list, struct gw_str domain, enum sip_kind kind);

/* Subject CNs: "sip.partner.example, pool.lync.example"; letters fold. */
enum { SIP_TLS_SUBJECTS_MAX = 200 };
enum gw_code sip_tls_subjects_check(struct gw_str list, struct gw_err *err);

/* Empty, or a server: "sip:presence.example:5060;transport=tcp". */
enum gw_code sip_publish_check(struct gw_str to, struct gw_err *err);

#endif
