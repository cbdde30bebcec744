#include "sip_route.h"

#include <string.h>

#include "sip_access.h"
#include "sip_priv.h"

const char *const sip_rule_names[] = {
    [SIP_RULE_STATIC] = "static route",
    [SIP_RULE_SRV] = "SRV record",
    [SIP_RULE_DEFAULT_STATIC] = "static route of the default domain",
    [SIP_RULE_DEFAULT_SRV] = "SRV record of the default domain",
    [SIP_RULE_NAPTR] = "NAPTR record",
    [SIP_RULE_NAMED] = "SRV record by NAPTR",
    [SIP_RULE_SIPS] = "SRV record",
    [SIP_RULE_TCP] = "SRV record",
    [SIP_RULE_UDP] = "SRV record",
    [SIP_RULE_ADDRESS] = "address of the domain",
    [SIP_RULE_NAME] = "name of the server",
};

/* ---- One route ---- */

struct route {
    struct gw_str pattern; /* as it was set */
    struct gw_str labels;  /* without the dot in front and the star behind; a user: all of it */
    bool is_user, is_wild;
    enum sip_proto proto;
    struct gw_str host;
    uint16_t port;
    unsigned priority;
};

static bool is_name(struct gw_str s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(more, c))))
            return false;
    }
    return s.len > 0;
}

/* Labels that are names, one dot between each two. */
static bool is_dotted(struct gw_str s)
{
    struct gw_str label;

    while (gw_str_cut(s, ".", &label, &s)) {
        if (!is_name(label, "-_"))
            return false;
    }
    return is_name(s, "-_");
}

static bool pattern_parse(struct gw_str text, struct route *out)
{
    struct gw_str user, domain;

    out->pattern = out->labels = text;
    out->is_wild = false;
    out->is_user = gw_str_cut(text, "@", &user, &domain);
    if (text.len > SIP_PATTERN_MAX)
        return false;
    if (out->is_user)
        return is_name(user, "-_.!~*'()+$;?/%&=") && is_dotted(domain);
    if (gw_str_starts(text, "."))
        out->labels = gw_str_sub(text, 1, text.len);
    out->is_wild = gw_str_ends(out->labels, ".*");
    if (out->is_wild)
        out->labels.len -= 2;
    return is_dotted(out->labels);
}

/* "edge.partner.example:5061", "[2001:db8::1]". */
static bool host_parse(struct gw_str text, struct route *out)
{
    struct gw_str port = { NULL, 0 };
    int64_t n = out->proto == SIP_TLS ? 5061 : 5060;

    if (gw_str_starts(text, "[")) {
        if (!gw_str_cut(gw_str_sub(text, 1, text.len), "]", &out->host, &port) ||
            !is_name(out->host, ":.ABCDEF") || (port.len && port.p[0] != ':'))
            return false;
        port = gw_str_sub(port, 1, port.len);
    } else {
        out->host = text;
        (void)gw_str_cut(text, ":", &out->host, &port);
        if (!is_dotted(out->host))
            return false;
    }
    if (port.p && port.len && !gw_str_to_int(port, 1, 65535, &n))
        return false;
    out->port = (uint16_t)n;
    return out->host.len <= SIP_HOST_MAX;
}

static bool route_parse(struct gw_str item, struct route *out)
{
    struct gw_str to, proto, priority = GW_STR("1");
    int64_t n;

    if (!gw_str_cut(item, "=", NULL, &to))
        return false;
    while (gw_str_cut(to, "=", NULL, &to)) /* a user's name may have that sign in it */
        ;
    if (!pattern_parse(gw_str_trim(gw_str_sub(item, 0, item.len - to.len - 1)), out))
        return false;
    to = gw_str_trim(to);
    (void)gw_str_cut(to, "/", &to, &priority);
    if (!gw_str_cut(to, ":", &proto, &to) || !sip_proto_parse(proto, &out->proto) ||
        !host_parse(to, out) || !gw_str_to_int(priority, 1, SIP_PRIORITY_MAX, &n))
        return false;
    out->priority = (unsigned)n;
    return true;
}

enum gw_code sip_routes_check(struct gw_str list, struct gw_err *err)
{
    struct gw_str item;
    struct route route;

    while (gw_str_next(&list, ",", &item)) {
        if (!route_parse(item, &route))
            return gw_fail(err, GW_INVALID,
                           "'%.*s' is no route: a domain with its labels reversed, or a user, and "
                           "where to, all in lower case: "
                           ".example.partner.*=tls:edge.partner.example:5061/1 (udp, tcp or tls; "
                           "the priority at the end, 1 first)",
                           GW_STR_ARG(gw_str_utf8_cut(item, 80)));
    }
    return GW_OK;
}

/* ---- Which one ---- */

/* "partner.example" as "example.partner". */
static struct gw_str reversed(struct gw_str domain, char out[SIP_PATTERN_MAX + 1])
{
    size_t len = 0;

    if (domain.len > SIP_PATTERN_MAX)
        return GW_STR("");
    while (domain.len) {
        size_t at = domain.len;

        while (at && domain.p[at - 1] != '.')
            at--;
        memcpy(out + len, domain.p + at, domain.len - at);
        len += domain.len - at;
        if (at)
            out[len++] = '.';
        domain.len = at ? at - 1 : 0;
    }
    return (struct gw_str){ out, len };
}

/* How closely a route fits; 0: not at all. An address before a domain, a longer pattern before a
 * shorter one, one without a star before the same with it. */
static size_t fits(const struct route *r, struct gw_str address, struct gw_str labels)
{
    if (r->is_user)
        return gw_str_eq(r->pattern, address) ? SIZE_MAX : 0;
    if (gw_str_eq(r->labels, labels))
        return 2 * r->labels.len + !r->is_wild;
    if (r->is_wild && labels.len > r->labels.len && labels.p[r->labels.len] == '.' &&
        gw_str_eq(gw_str_sub(labels, 0, r->labels.len), r->labels))
        return 2 * r->labels.len;
    return 0;
}

static void hop_set(struct sip_hop *hop, enum sip_proto proto, struct gw_str host, uint16_t port)
{
    hop->proto = proto;
    hop->port = port;
    memcpy(hop->host, host.p, host.len);
    hop->host[host.len] = '\0';
}

static void step_put(struct sip_plan *plan, size_t at, const struct route *r, enum sip_rule rule)
{
    struct sip_step *step = &plan->steps[at];

    *step = (struct sip_step){ .rule = rule, .priority = r->priority };
    hop_set(&step->hop, r->proto, r->host, r->port);
    memcpy(step->pattern, r->pattern.p, r->pattern.len);
}

/* The routes that fit best, by priority; of equal ones the first comes first. */
static bool add_static(struct sip_plan *plan, struct gw_str list, struct gw_str address,
                       struct gw_str domain, enum sip_rule rule)
{
    char text[SIP_PATTERN_MAX + 1];
    struct gw_str labels = reversed(domain, text), item;
    size_t begun = plan->count, best = 1;
    struct route r;

    while (gw_str_next(&list, ",", &item)) {
        size_t fit = route_parse(item, &r) ? fits(&r, address, labels) : 0, at;

        if (fit < best)
            continue;
        if (fit > best)
            plan->count = begun;
        best = fit;
        for (at = plan->count; at > begun && plan->steps[at - 1].priority > r.priority; at--) {
            if (at < SIP_STEPS_MAX)
                plan->steps[at] = plan->steps[at - 1];
        }
        if (at == SIP_STEPS_MAX)
            continue;
        step_put(plan, at, &r, rule);
        if (plan->count < SIP_STEPS_MAX)
            plan->count++;
    }
    return plan->count > begun;
}

static void add_question(struct sip_plan *plan, struct gw_str domain, enum sip_rule rule,
                         enum sip_proto proto)
{
    struct sip_step *step = &plan->steps[plan->count++];

    *step = (struct sip_step){ .rule = rule };
    hop_set(&step->hop, proto, domain, 0);
}

/* RFC 3263 4: what any SIP server may have. */
static void add_rfc3263(struct sip_plan *plan, struct gw_str domain)
{
    static const struct {
        enum sip_rule rule;
        enum sip_proto proto;
    } questions[] = { { SIP_RULE_NAPTR, SIP_TLS },
                      { SIP_RULE_SIPS, SIP_TLS },
                      { SIP_RULE_TCP, SIP_TCP },
                      { SIP_RULE_UDP, SIP_UDP },
                      { SIP_RULE_ADDRESS, SIP_UDP } };

    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        add_question(plan, domain, questions[i].rule, questions[i].proto);
}

void sip_route_server(const struct sip_peer *server, struct sip_plan *out)
{
    static const enum sip_rule services[] = {
        [SIP_UDP] = SIP_RULE_UDP, [SIP_TCP] = SIP_RULE_TCP, [SIP_TLS] = SIP_RULE_SIPS
    };
    struct gw_str host = gw_str_sub(server->host, 0, SIP_HOST_MAX);

    out->count = 0;
    out->keeps_proto = true;
    if (!server->port) {
        add_question(out, host, SIP_RULE_NAPTR, server->proto);
        add_question(out, host, services[server->proto], server->proto);
    }
    add_question(out, host, server->proto == SIP_UDP ? SIP_RULE_ADDRESS : SIP_RULE_NAME,
                 server->proto);
    out->steps[out->count - 1].hop.port = sip_port_of(server);
}

/* No record leads to the other system with our own domain: it would lead to us. */
static enum gw_code plan_ours(const struct sip_settings *settings, struct gw_str address,
                              struct gw_str domain, struct sip_plan *out, struct gw_err *err)
{
    out->kind = SIP_KIND_LYNC;
    if (!settings->partitioned)
        return gw_fail(err, GW_DENIED,
                       "'%.*s' is served here, and shared with no other system (kalendsctl set "
                       "sip.partitioned on)",
                       GW_STR_ARG(gw_str_utf8_cut(domain, 80)));
    if (!add_static(out, gw_str_of(settings->routes), address, domain, SIP_RULE_STATIC))
        return gw_fail(err, GW_NOTFOUND,
                       "'%.*s' is shared with another system, but no static route leads there "
                       "(kalendsctl set sip.routes ...)",
                       GW_STR_ARG(gw_str_utf8_cut(domain, 80)));
    return GW_OK;
}

enum gw_code sip_route_plan(const struct sip_settings *settings, struct gw_str address,
                            bool is_ours, struct sip_plan *out, struct gw_err *err)
{
    struct gw_str list = gw_str_of(settings->routes), user, domain,
                  def = gw_str_of(settings->default_domain);

    out->count = 0;
    out->keeps_proto = false;
    if (!gw_str_cut(address, "@", &user, &domain) || !user.len || !is_dotted(domain) ||
        domain.len > SIP_HOST_MAX)
        return gw_fail(err, GW_INVALID, "'%.*s' is no address like ann@partner.example",
                       GW_STR_ARG(gw_str_utf8_cut(address, 80)));
    if (is_ours)
        return plan_ours(settings, address, domain, out, err);
    if (!sip_domains_find(gw_str_of(settings->domains), domain, &out->kind))
        return gw_fail(err, GW_DENIED,
                       "'%.*s' is not federated by SIP: it is not in sip.domains "
                       "(kalendsctl set sip.domains ...)",
                       GW_STR_ARG(gw_str_utf8_cut(domain, 80)));
    if (add_static(out, list, address, domain, SIP_RULE_STATIC))
        return GW_OK;
    if (out->kind != SIP_KIND_AOL) {
        add_question(out, domain, SIP_RULE_SRV, SIP_TLS);
        if (out->kind == SIP_KIND_SIMPLE)
            add_rfc3263(out, domain);
        return GW_OK;
    }
    /* Whom AOL serves for others is reached at AOL, when the domain itself says nothing. */
    if (!gw_str_eq(domain, def))
        add_question(out, domain, SIP_RULE_SRV, SIP_TLS);
    if (!add_static(out, list, GW_STR(""), def, SIP_RULE_DEFAULT_STATIC))
        add_question(out, def, SIP_RULE_DEFAULT_SRV, SIP_TLS);
    return GW_OK;
}

bool sip_route_next(struct gw_str *rest, struct gw_str domain, struct sip_route_end *out)
{
    char text[SIP_PATTERN_MAX + 1];
    struct gw_str labels = reversed(domain, text), item, name;
    struct route r;

    while (gw_str_next(rest, ",", &item)) {
        if (!route_parse(item, &r))
            continue;
        if (r.is_user) {
            (void)gw_str_cut(r.pattern, "@", NULL, &name);
            memcpy(out->name, name.p, name.len);
            out->leads = gw_str_eq(name, domain);
        } else {
            name = reversed(r.labels, out->name);
            out->leads = fits(&r, GW_STR(""), labels) > 0;
        }
        out->name[name.len] = '\0';
        out->proto = r.proto;
        out->host = r.host;
        return true;
    }
    return false;
}

bool sip_route_host(const struct sip_settings *settings, struct gw_str host, struct sip_hop *out)
{
    struct gw_str list = gw_str_of(settings->routes), item;
    char text[SIP_PATTERN_MAX + 1];
    struct gw_str labels = reversed(host, text);
    unsigned best = SIP_PRIORITY_MAX + 1;
    struct route r;

    while (labels.len && gw_str_next(&list, ",", &item)) {
        if (!route_parse(item, &r) || r.is_user || r.is_wild || !gw_str_ieq(r.labels, labels) ||
            r.priority >= best)
            continue;
        best = r.priority;
        hop_set(out, r.proto, r.host, r.port);
    }
    return best <= SIP_PRIORITY_MAX;
}
