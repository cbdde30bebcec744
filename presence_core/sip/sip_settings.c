#include "sip_settings.h"

#include "sip_access.h"
#include "sip_route.h"

#define OF(member) offsetof(struct sip_settings, member)

static const char *const switches[] = { "off", "on", NULL };
static const char *const modes[] = { "basic", "advanced", NULL };

static const char *const logins[] = { "off", "sha-256", "both", "md5", NULL };

const struct gw_param sip_params[] = {
    { .key = "sip.incoming_acl",
      .shown_as = "Incoming ACL",
      .help = "who may send requests: IP addresses, networks "
              "(192.0.2.0/24), and names of hosts and domains, which cost two questions to the "
              "DNS, separated by commas; or all. Each domain of sip.domains has an entry of its "
              "own in this list, which is not shown here: its network there, or else its name, "
              "which does not count of our own",
      .type = GW_PARAM_TEXT,
      .offset = OF(incoming_acl),
      .max = 4000,
      .def = "" },
    { .key = "sip.domains",
      .shown_as = "SIP Federated Domains",
      .help =
          "whose users may watch ours, and whose servers may come in, as far as the DNS knows "
          "them by the domain's name: partner.example=lync, other.example=simple, aol.com=aol; "
          "our own domains are always among them. Without a static route a domain's servers are "
          "found by SRV records _sipfederationtls._tcp, those of the kind simple then by NAPTR, "
          "other SRV records and addresses (RFC 3263), also without TLS. Behind an at sign, who "
          "alone speaks for a domain, a network or the CN of a certificate: "
          "partner.example=lync@192.0.2.0/24, other.example@sip.hoster.example; ours too",
      .type = GW_PARAM_TEXT,
      .offset = OF(domains),
      .max = 4000,
      .def = "" },
    { .key = "sip.partitioned",
      .shown_as = "Partitioned Intradomain Federation",
      .help = "on: our domains have users on Lync or OCS, too; who is no user here, or not "
              "enabled, is looked for there, by the domain's static route",
      .type = GW_PARAM_CHOICE,
      .offset = OF(partitioned),
      .choices = switches,
      .def = "off" },
    { .key = "sip.partitioned_mode",
      .shown_as = "Partitioned Intradomain Federation Routing Mode",
      .help = "who of our domains is looked for there. basic: everybody who is not enabled here; "
              "advanced: of these only whose address a user of the directory who is not enabled "
              "has as SIP address, so that it must know all users of Lync or OCS",
      .type = GW_PARAM_CHOICE,
      .offset = OF(partitioned_mode),
      .choices = modes,
      .def = "basic" },
    { .key = "sip.routes",
      .shown_as = "Static Routes",
      .help =
          "where requests to a domain go when not its SRV record shall decide: "
          ".example.partner.*=tls:edge.partner.example:5061/1, the domain's labels reversed (the "
          "star: and below), or a user; behind the slash the priority, 1 first, others when it "
          "cannot be reached",
      .type = GW_PARAM_TEXT,
      .offset = OF(routes),
      .max = 4000,
      .def = "" },
    { .key = "sip.default_domain",
      .shown_as = "Default Federation Routing Domain",
      .help = "where requests to a domain of the kind aol go that has neither a static route nor "
              "an SRV record of its own",
      .type = GW_PARAM_TEXT,
      .offset = OF(default_domain),
      .min = 1,
      .max = 255,
      .def = "aol.com" },
    { .key = "sip.publish_to",
      .shown_as = "Publish to",
      .help = "a presence server that is told of every user's presence, as watchers of other "
              "domains may see it: sip:presence.example:5060;transport=tcp; empty: none. What "
              "another one was told ends there within an hour",
      .type = GW_PARAM_TEXT,
      .offset = OF(publish_to),
      .max = 512,
      .def = "" },
    { .key = "sip.messages",
      .shown_as = "IM Gateway",
      .help = "whether messages go between XMPP clients and users of SIP domains; presence does "
              "in any case",
      .type = GW_PARAM_CHOICE,
      .offset = OF(messages),
      .choices = switches,
      .def = "on" },
    { .key = "sip.trace",
      .shown_as = "Message Trace",
      .help = "which of the newest messages 'kalendsctl sip trace' shows: those with this text in "
              "their "
              "head, a Call-ID or an address; empty: all",
      .type = GW_PARAM_TEXT,
      .offset = OF(trace),
      .max = 300,
      .def = "" },
    { .key = "sip.session_peers",
      .shown_as = "IM Session Mode",
      .help = "to whom messages go in sessions (INVITE): kinds of domains and single domains, "
              "separated by commas; to all others each message goes by itself (pager mode). Peers "
              "may begin a session in any case",
      .type = GW_PARAM_TEXT,
      .offset = OF(session_peers),
      .max = 4000,
      .def = "lync, aol" },
    { .key = "sip.session_idle_s",
      .shown_as = "Idle IM Sessions (seconds)",
      .help = "a session in which nobody has said anything for so long is ended; the next message "
              "begins a new one",
      .type = GW_PARAM_INT,
      .offset = OF(session_idle_s),
      .min = 60,
      .max = 86400,
      .def = "600" },
    { .key = "sip.sessions_max",
      .shown_as = "IM Sessions",
      .help = "of all users together; more are refused for a while (503)",
      .type = GW_PARAM_INT,
      .offset = OF(sessions_max),
      .min = 1,
      .max = 100000,
      .def = "20000" },
    { .key = "sip.sessions_per_peer",
      .shown_as = "IM Sessions per Peer",
      .help = "that come from one address, which may be a server with many users; more are refused "
              "for a while (503)",
      .type = GW_PARAM_INT,
      .offset = OF(sessions_per_peer),
      .min = 1,
      .max = 100000,
      .def = "10000" },
    { .key = "sip.login",
      .shown_as = "Login of SIP Clients",
      .help =
          "whether users may register SIP clients, publish and subscribe with them, with the name "
          "before the at sign and their password, and what they are asked for: sha-256; both, "
          "which "
          "RFC 8760 has, and which older clients do not understand; md5 alone, which these need, "
          "and "
          "which is weak. Passwords that were set before have to be set again: what a login needs "
          "is "
          "kept only while this is on",
      .type = GW_PARAM_CHOICE,
      .offset = OF(login),
      .choices = logins,
      .def = "off" },
    { .key = "sip.public_address",
      .shown_as = "Server Name or Virtual IP Address",
      .help =
          "the host name or address at which SIP peers reach this gateway, or the load balancer "
          "in front of it: in Via and Contact; empty: the address that faces the peer",
      .type = GW_PARAM_TEXT,
      .offset = OF(public_address),
      .max = 255,
      .def = "" },
    { .key = "sip.federation_fqdn",
      .shown_as = "Federation Routing IM and Presence FQDN",
      .help =
          "the host name to which the records _sipfederationtls._tcp of our domains lead, with a "
          "port where it is not 5061: peers that are found by records are asked (Record-Route) "
          "to send there what belongs to a dialog; those with a static route send it to the "
          "public address; empty: all do",
      .type = GW_PARAM_TEXT,
      .offset = OF(federation_fqdn),
      .max = 255,
      .def = "" },
    { .key = "sip.record_route_transport",
      .shown_as = "Use Transport in Record-Route Header",
      .help =
          "whether Record-Route says over what to come, for peers that take UDP where nothing is "
          "said; Contact always says it",
      .type = GW_PARAM_CHOICE,
      .offset = OF(record_route_transport),
      .choices = switches,
      .def = "off" },
    { .key = "sip.notify_interval_s",
      .shown_as = "Shortest Time between Notifications (seconds)",
      .help = "to one watcher of one user; what changes meanwhile is told once, as it is then",
      .type = GW_PARAM_INT,
      .offset = OF(notify_interval_s),
      .min = 0,
      .max = 60,
      .def = "1" },
    { .key = "sip.expires_min_s",
      .shown_as = "Shortest Subscription (seconds)",
      .help = "shorter ones are refused (423)",
      .type = GW_PARAM_INT,
      .offset = OF(expires_min_s),
      .min = 10,
      .max = 3600,
      .def = "60" },
    { .key = "sip.expires_max_s",
      .shown_as = "Longest Subscription (seconds)",
      .help = "longer ones are shortened; Lync refreshes after 1 h 45 min",
      .type = GW_PARAM_INT,
      .offset = OF(expires_max_s),
      .min = 3600,
      .max = 86400,
      .def = "7446" },
    { .key = "sip.subscriptions_max",
      .shown_as = "Subscriptions",
      .help = "of all watchers together; more are refused for a while (503)",
      .type = GW_PARAM_INT,
      .offset = OF(subscriptions_max),
      .min = 1,
      .max = 1000000,
      .def = "200000" },
    { .key = "sip.subscriptions_per_peer",
      .shown_as = "Subscriptions per Peer",
      .help = "from one address, which may be a server with many users; more are refused for a "
              "while (503)",
      .type = GW_PARAM_INT,
      .offset = OF(subscriptions_per_peer),
      .min = 1,
      .max = 1000000,
      .def = "50000" },
    { .key = "sip.connections_per_peer",
      .shown_as = "Connections per Peer",
      .help = "from one address, where more are closed at once; and to one, at different ports",
      .type = GW_PARAM_INT,
      .offset = OF(connections_per_peer),
      .min = 1,
      .max = 10000,
      .def = "100" },
    { .key = "sip.idle_s",
      .shown_as = "Idle Connections (seconds)",
      .help = "a connection over which no message came for so long is closed; a message must be "
              "whole after 30 seconds, and so must the first one of whoever connects",
      .type = GW_PARAM_INT,
      .offset = OF(idle_s),
      .min = 30,
      .max = 86400,
      .def = "7800" },
    { .key = "sip.server_auth_port",
      .shown_as = "TLS Listener, Server Auth",
      .help = "port for TLS with clients and phones, whose certificate is not asked for; 0: any "
              "free one",
      .type = GW_PARAM_INT,
      .offset = OF(server_auth_port),
      .min = 0,
      .max = 65535,
      .def = "5061",
      .word = "off" },
    { .key = "sip.peer_auth_port",
      .shown_as = "TLS Listener, Peer Auth",
      .help = "port for TLS with servers, which must show a certificate: trusted by cup-trust, its "
              "subject CN among sip.tls_peer_subjects; Lync and OCS want it on 5061; 0: any free "
              "one",
      .type = GW_PARAM_INT,
      .offset = OF(peer_auth_port),
      .min = 0,
      .max = 65535,
      .def = "5062",
      .word = "off" },
    { .key = "sip.tls_peer_subjects",
      .shown_as = "TLS Peer Subjects",
      .help = "the subject CN of each server that may connect to the peer-auth listener, or answer "
              "at another name than its own (a pool): "
              "lync.partner.example, pool.partner.example; alternative names do not count",
      .type = GW_PARAM_TEXT,
      .offset = OF(tls_peer_subjects),
      .max = 4000,
      .def = "" },
};

const size_t sip_param_count = sizeof(sip_params) / sizeof(sip_params[0]);

/* As it is written in Via and Contact, where the port follows: a name, or a literal. */
static bool is_host(struct gw_str s)
{
    if (sip_acl_allows(GW_STR("all"), s))
        return true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.'))
            return false;
    }
    return true;
}

bool sip_host_port(struct gw_str text, struct gw_str *host, int64_t *port)
{
    struct gw_str rest;

    *host = text;
    if (!gw_str_cut(text, ":", host, &rest))
        return is_host(text);
    return host->len && is_host(*host) && gw_str_to_int(rest, 1, 65535, port);
}

static enum gw_code names_check(const struct sip_settings *s, struct gw_err *err)
{
    struct gw_str address = gw_str_of(s->public_address), fqdn = gw_str_of(s->federation_fqdn),
                  host;
    int64_t port;

    if (!is_host(address))
        return gw_fail(err, GW_INVALID,
                       "'%.*s' is neither a host name nor an address, without port and brackets",
                       GW_STR_ARG(gw_str_utf8_cut(address, 80)));
    if (!sip_host_port(fqdn, &host, &port))
        return gw_fail(err, GW_INVALID,
                       "'%.*s' is not a host name, or one with a port: sip.example.com:5061",
                       GW_STR_ARG(gw_str_utf8_cut(fqdn, 80)));
    return GW_OK;
}

static enum gw_code tls_check(const struct sip_settings *s, struct gw_err *err)
{
    if (s->server_auth_port > 0 && s->server_auth_port == s->peer_auth_port)
        return gw_fail(err, GW_EXISTS,
                       "both TLS listeners cannot have port %d: move the other one first, for "
                       "example to 5063",
                       (int)s->peer_auth_port);
    return sip_tls_subjects_check(gw_str_of(s->tls_peer_subjects), err);
}

enum gw_code sip_settings_check(const struct sip_settings *settings, struct gw_err *err)
{
    enum gw_code rc = sip_acl_check(gw_str_of(settings->incoming_acl), err);

    if (!rc)
        rc = sip_domains_check(gw_str_of(settings->domains), err);
    if (!rc)
        rc = tls_check(settings, err);
    if (!rc)
        rc = sip_publish_check(gw_str_of(settings->publish_to), err);
    if (!rc)
        rc = sip_routes_check(gw_str_of(settings->routes), err);
    if (!rc)
        rc = sip_session_peers_check(gw_str_of(settings->session_peers), err);
    if (!rc && !sip_domain_is(gw_str_of(settings->default_domain)))
        rc = gw_fail(err, GW_INVALID, "the default domain '%.*s' is not a domain in lower case",
                     GW_STR_ARG(gw_str_utf8_cut(gw_str_of(settings->default_domain), 80)));
    return rc ? rc : names_check(settings, err);
}
