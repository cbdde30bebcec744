/* Whom a hop may speak for. Nobody proves that he is ann@partner.example: a server says so, and what an
 * administrator has told of servers and domains decides whether it may. A server is tied to a domain by
 * sip.domains (partner.example@192.0.2.1), by a static route that leads to it, or by the name in its
 * certificate (sip.partner.example); who is tied to domains speaks for no others. */
#include <string.h>

#include "gw_log.h"
#include "sip_access.h"
#include "sip_priv.h"

enum { TOLD_MS = 10 * GW_SECOND_MS };

enum fact {
    OURS = 1,        /* the domain is served here, */
    SHARED = 2,      /* and by another system, too */
    FEDERATED = 4,   /* it is in sip.domains, */
    BOUND = 8,       /* with who alone speaks for it, */
    BOUND_HERE = 16, /* which is this hop */
    TLS_ROUTE = 32,  /* static routes lead there, all by TLS */
    TIED = 64,       /* the hop is tied to the domain */
    TIED_ELSEWHERE = 128,
    CERTIFIED = 256, /* it has shown a certificate */
    LISTED = 512     /* it was named by an administrator, not only as one of all */
};

/* The first that fits decides. */
static const struct {
    unsigned with, without;
    const char *advice; /* NULL: it may */
} rules[] = {
    { .with = BOUND_HERE, .advice = NULL },
    { .with = BOUND,
      .advice = "sip.domains says who speaks for this domain, and it is not this peer; it may be "
                "added behind an at sign: DOMAIN@ADDRESS, DOMAIN@CERTIFICATE-CN" },
    { .with = OURS,
      .without = SHARED,
      .advice = "nobody outside speaks for our own domain, its users log in (sip.login); if it is "
                "shared with Lync or OCS, kalendsctl set sip.partitioned on; for a server of yours "
                "add DOMAIN@ADDRESS to sip.domains" },
    { .without = OURS | FEDERATED, .advice = "the domain is not in sip.domains" },
    { .with = TLS_ROUTE,
      .without = CERTIFIED,
      .advice = "the domain's static routes are TLS, so it has to come in by TLS and with its "
                "certificate, at sip.peer_auth_port; or add DOMAIN@ADDRESS to sip.domains" },
    { .with = TIED, .advice = NULL },
    { .with = TIED_ELSEWHERE,
      .advice = "this peer is another domain's, by a static route, its certificate or "
                "sip.domains; if it speaks for this one, too, add DOMAIN@ADDRESS or "
                "DOMAIN@CERTIFICATE-CN to sip.domains" },
    { .with = OURS,
      .without = LISTED,
      .advice = "our domain is shared with another system, but this peer is none of its servers: "
                "they need a static route, or their addresses in sip.incoming_acl" },
    { .advice = NULL },
};

struct question {
    const struct sip_core *core;
    const struct sip_peer *hop;
    struct gw_str domain;
    struct gw_str also; /* AOL serves its customers' domains from its own servers */
    unsigned facts;
};

/* Ours or federated, the nearest above a name; empty: there is none. */
static struct gw_str domain_above(const struct sip_core *core, struct gw_str name)
{
    enum sip_kind kind;

    while (name.len && !sip_is_ours(core, name) &&
           !sip_domains_find(gw_str_of(core->settings->domains), name, &kind)) {
        if (!gw_str_cut(name, ".", NULL, &name))
            name.len = 0;
    }
    return sip_domains_listed_as(name);
}

static void tie(struct question *q, struct gw_str domain)
{
    if (!domain.len)
        return;
    q->facts |= gw_str_eq(domain, q->domain) || gw_str_eq(domain, q->also) ? TIED : TIED_ELSEWHERE;
}

static bool is_hop(const struct sip_peer *hop, struct gw_str host)
{
    struct gw_str list = host;

    if (hop->subject.len && gw_str_ieq(hop->subject, host))
        return true;
    return sip_acl_lists(list, hop->host);
}

static void ask_domains(struct question *q)
{
    struct gw_str rest = gw_str_of(q->core->settings->domains);
    struct sip_domain d;

    while (sip_domains_next(&rest, &d)) {
        bool is_this = gw_str_eq(d.name, q->domain), is_here = is_hop(q->hop, d.where);

        if (is_this) {
            q->facts |= FEDERATED;
            if (d.kind == SIP_KIND_AOL)
                q->also = gw_str_of(q->core->settings->default_domain);
        }
        if (is_this && d.where.len)
            q->facts |= is_here ? BOUND | BOUND_HERE : BOUND;
        else if (is_here)
            tie(q, d.name);
    }
}

static void ask_routes(struct question *q)
{
    struct gw_str rest = gw_str_of(q->core->settings->routes);
    bool any = false, all_tls = true;
    struct sip_route_end r;

    while (sip_route_next(&rest, q->domain, &r)) {
        if (r.leads) {
            any = true;
            all_tls &= r.proto == SIP_TLS;
        }
        if (is_hop(q->hop, r.host))
            tie(q, r.leads ? q->domain : domain_above(q->core, gw_str_of(r.name)));
    }
    if (any && all_tls)
        q->facts |= TLS_ROUTE;
}

const char *sip_distrusts(const struct sip_core *core, struct gw_str domain,
                          const struct sip_peer *hop)
{
    struct question q = { .core = core, .hop = hop, .domain = sip_domains_listed_as(domain) };
    struct gw_str acl = gw_str_of(core->settings->incoming_acl), name = sip_admitted_as(core, hop);
    bool is_named = sip_acl_allows_name(acl, name);
    size_t i = 0;

    if (sip_is_ours(core, q.domain))
        q.facts |= core->settings->partitioned ? OURS | SHARED : OURS;
    if (hop->subject.len)
        q.facts |= CERTIFIED | LISTED;
    /* Whom no address in the list admits was admitted by his name there, or by that of his domain. */
    if (sip_acl_lists(acl, hop->host) || is_named || (!name.len && !sip_acl_allows(acl, hop->host)))
        q.facts |= LISTED;
    if (name.len && !is_named)
        tie(&q, domain_above(core, name));
    ask_domains(&q);
    ask_routes(&q);
    tie(&q, domain_above(core, hop->subject));
    while ((q.facts & rules[i].with) != rules[i].with || q.facts & rules[i].without)
        i++;
    return rules[i].advice;
}

bool sip_vouches(const struct sip_core *core, struct gw_str domain, const struct sip_peer *hop)
{
    struct question q = { .core = core, .hop = hop, .domain = sip_domains_listed_as(domain) };

    ask_domains(&q);
    return q.facts & BOUND_HERE;
}

bool sip_is_welcome(const struct sip_source *source, enum sip_proto proto, struct gw_str who)
{
    const struct sip_peer hop = { .proto = proto, .host = source->host };
    const struct sip_core *core = source->core;
    struct gw_str domain = who;

    (void)gw_str_cut(who, "@", NULL, &domain);
    return (sip_acl_admits(core, hop.host) || (source->is_by_name && sip_acl_asks(core))) &&
           (proto == SIP_TLS || !sip_distrusts(core, domain, &hop));
}

bool sip_believes(struct sip_core *core, struct gw_str who, const struct sip_peer *hop)
{
    struct gw_str domain = who;
    char quoted[GW_QUOTE_MAX];
    const char *advice;

    if (core->login.len)
        return gw_str_eq(who, gw_buf_str(&core->login));
    (void)gw_str_cut(who, "@", NULL, &domain);
    advice = sip_distrusts(core, domain, hop);
    if (!advice)
        return true;
    core->counters.refused_sender++;
    if (core->now.mono >= core->distrust_told) {
        core->distrust_told = gw_time_after(core->now.mono, TOLD_MS);
        gw_warn("sip", "sender not believed from=%s peer=%.*s subject='%.*s' refused=%llu: %s",
                gw_quote(who, quoted), GW_STR_ARG(hop->host), GW_STR_ARG(hop->subject),
                (unsigned long long)core->counters.refused_sender, advice);
    }
    return false;
}
