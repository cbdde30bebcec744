/* Where requests of a dialog go, whoever began it. */
#include "gw_log.h"
#include "sip_access.h"
#include "sip_priv.h"

enum { TOLD_MS = 10 * GW_SECOND_MS };

/* This machine; RFC 6761 6.3: by that name, and what is below it. */
static bool is_here(struct gw_str host)
{
    const struct gw_str name = GW_STR("localhost");
    struct gw_str end;

    if (gw_str_ends(host, "."))
        host.len--;
    end = gw_str_sub(host, host.len > name.len ? host.len - name.len : 0, host.len);
    return sip_acl_allows(GW_STR("127.0.0.0/8, 0.0.0.0/8, ::/127"), host) ||
           (gw_str_ieq(end, name) && (end.len == host.len || end.p[-1] == '.'));
}

/* What only this machine is to reach is not reached through us. */
static bool is_ours_alone(struct gw_str host, const struct sip_peer *from)
{
    return is_here(host) && !is_here(from->host);
}

/* Never less than it came with. */
static enum sip_proto proto_of(const struct sip_uri *uri, enum sip_proto came_over)
{
    if (came_over == SIP_TLS || uri->is_sips || gw_str_iis(uri->transport, "tls"))
        return SIP_TLS;
    if (gw_str_iis(uri->transport, "tcp"))
        return SIP_TCP;
    if (gw_str_iis(uri->transport, "udp"))
        return SIP_UDP;
    return came_over;
}

struct sip_peer sip_hop_server(const struct sip_uri *uri, enum sip_proto came_over)
{
    struct sip_peer peer = { .proto = proto_of(uri, came_over), .host = uri->host };

    peer.port = uri->port;
    if (sip_is_address(peer.host))
        peer.port = sip_port_of(&peer);
    return peer;
}

/* Nobody has us send to whom he likes: a host is where the request came from, below the domain of who
 * asks, or one that an administrator has named. Of a name TLS makes sure itself. */
static bool is_theirs(const struct sip_core *core, const struct sip_peer *to, struct gw_str who,
                      const struct sip_peer *from)
{
    struct gw_str domain = who, rest = gw_str_of(core->settings->routes),
                  domains = gw_str_of(core->settings->domains);
    struct sip_route_end r;
    struct sip_domain d;

    (void)gw_str_cut(who, "@", NULL, &domain);
    if (sip_acl_lists(from->host, to->host) || sip_acl_lists(from->subject, to->host) ||
        sip_acl_lists(domain, to->host) ||
        sip_acl_lists(gw_str_of(core->settings->incoming_acl), to->host))
        return true;
    if (to->proto == SIP_TLS &&
        sip_acl_lists(gw_str_of(core->settings->tls_peer_subjects), to->host))
        return true;
    while (sip_route_next(&rest, domain, &r)) {
        if (r.leads && sip_acl_lists(r.host, to->host))
            return true;
    }
    while (sip_domains_next(&domains, &d)) {
        if (gw_str_eq(d.name, sip_domains_listed_as(domain)) && sip_acl_lists(d.entry, to->host))
            return true;
    }
    return false;
}

static void tell_stranger(struct sip_core *core, const struct sip_peer *to, struct gw_str who,
                          const struct sip_peer *from)
{
    char quoted[GW_QUOTE_MAX], host[GW_QUOTE_MAX];

    core->counters.refused_sender++;
    if (core->now.mono < core->contact_told)
        return;
    core->contact_told = gw_time_after(core->now.mono, TOLD_MS);
    gw_warn("sip",
            "contact leads elsewhere from=%s peer=%.*s contact=%s refused=%llu: if it is a peer's, "
            "give it a static route (sip.routes) or its address a place in sip.incoming_acl",
            gw_quote(who, quoted), GW_STR_ARG(from->host), gw_quote(to->host, host),
            (unsigned long long)core->counters.refused_sender);
}

unsigned sip_hop_of(struct sip_core *core, const struct sip_uri *uri, struct gw_str who,
                    const struct sip_peer *from, struct sip_peer *out)
{
    if (!uri->is_sip || !uri->host.len)
        return 400;
    *out = sip_hop_server(uri, from->proto);
    /* A server that names itself as only its own network knows it has a route of its own. */
    if (sip_route_host(core->settings, uri->host, &core->hop)) {
        out->proto = core->hop.proto;
        out->host = gw_str_of(core->hop.host);
        out->port = core->hop.port;
        return 0;
    }
    if (!is_ours_alone(uri->host, from) && is_theirs(core, out, who, from))
        return 0;
    tell_stranger(core, out, who, from);
    return 403;
}

static bool is_found_by_records(const struct sip_core *core, struct gw_str who)
{
    struct sip_plan plan;

    return !sip_plan(core, who, &plan, NULL) && plan.steps[0].rule != SIP_RULE_STATIC;
}

void sip_write_record_route(const struct sip_core *core, struct gw_buf *out, struct gw_str who,
                            enum sip_proto proto)
{
    static const char *const transport[] = {
        [SIP_UDP] = ";transport=udp", [SIP_TCP] = ";transport=tcp", [SIP_TLS] = ";transport=tls"
    };
    int64_t port = proto == SIP_TLS ? 5061 : SIP_AGENT_PORT;
    struct gw_str host;

    if (!sip_host_port(gw_str_of(core->settings->federation_fqdn), &host, &port) || !host.len ||
        !is_found_by_records(core, who))
        return;
    gw_buf_addf(out, "Record-Route: <sip:%.*s:%d%s;lr>\r\n", GW_STR_ARG(host), (int)port,
                core->settings->record_route_transport ? transport[proto] : "");
}
