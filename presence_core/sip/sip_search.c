#include "sip_search.h"

#include <stdio.h>
#include <string.h>

#define FEDERATION "_sipfederationtls._tcp."

/* What is asked for a rule, and how it is called when it is not there. */
enum question { NOTHING, SERVICES, NAPTR, ADDRESSES };
static const struct {
    enum question question;
    const char *prefix, *shown;
} rules[] = {
    [SIP_RULE_STATIC] = { NOTHING, "", "" },
    [SIP_RULE_SRV] = { SERVICES, FEDERATION, FEDERATION },
    [SIP_RULE_DEFAULT_STATIC] = { NOTHING, "", "" },
    [SIP_RULE_DEFAULT_SRV] = { SERVICES, FEDERATION, FEDERATION },
    [SIP_RULE_NAPTR] = { NAPTR, "", "NAPTR " },
    [SIP_RULE_NAMED] = { SERVICES, "", "" },
    [SIP_RULE_SIPS] = { SERVICES, "_sips._tcp.", "_sips._tcp." },
    [SIP_RULE_TCP] = { SERVICES, "_sip._tcp.", "_sip._tcp." },
    [SIP_RULE_UDP] = { SERVICES, "_sip._udp.", "_sip._udp." },
    [SIP_RULE_ADDRESS] = { ADDRESSES, "", "A or AAAA " },
    [SIP_RULE_NAME] = { NOTHING, "", "" },
};

static bool is_static(enum sip_rule rule)
{
    return rules[rule].question == NOTHING;
}

static void shown_as(const struct sip_step *step, char out[SIP_PATTERN_MAX + 1])
{
    size_t len = strlen(rules[step->rule].shown);

    memcpy(out, rules[step->rule].shown, len);
    memcpy(out + len, step->hop.host, strlen(step->hop.host) + 1);
}

/* A server: 'host' at 'port', told for this step. */
static void add_found(struct sip_search *s, const struct sip_step *step, struct gw_str host,
                      uint16_t port, unsigned priority)
{
    struct sip_step *hop = &s->hops[s->count];

    if (s->count == SIP_FOUND_MAX || !host.len || host.len > SIP_HOST_MAX || !port ||
        gw_str_is(host, ".")) /* RFC 2782: no service here */
        return;
    *hop = (struct sip_step){ .rule = step->rule, .priority = priority };
    hop->hop.proto = step->hop.proto;
    hop->hop.port = port;
    memcpy(hop->hop.host, host.p, host.len);
    shown_as(step, hop->pattern);
    s->count++;
}

static bool go_on(struct sip_search *s);

/* A step is done: with servers, or with a plan that is another one, or with nothing. */
static void next(struct sip_search *s, const struct sip_step *step, bool has_nothing,
                 struct gw_now now)
{
    if (has_nothing && s->missing_count < SIP_STEPS_MAX)
        shown_as(step, s->missing[s->missing_count++]);
    if (go_on(s))
        s->done(s, now, s->ctx);
}

static void on_services(enum gw_code code, const struct sip_srv *records, size_t count,
                        struct gw_now now, void *ctx)
{
    struct sip_search *s = ctx;
    const struct sip_step *step = &s->plan.steps[s->at++];
    char asked[SIP_PATTERN_MAX + 1];

    s->query = NULL;
    if (code && code != GW_NOTFOUND) {
        shown_as(step, asked);
        gw_fail(&s->err, code, "the name servers do not answer for %s", asked);
        s->done(s, now, s->ctx);
        return;
    }
    for (size_t i = 0; !code && i < count; i++)
        add_found(s, step, records[i].host, records[i].port, records[i].priority);
    next(s, step, !s->count, now);
}

/* Does a record that NAPTR names count? */
static bool is_fit(const struct sip_search *s, const struct sip_step *step,
                   const struct sip_srv *record)
{
    return record->host.len && record->host.len <= SIP_HOST_MAX &&
           (!s->plan.keeps_proto || record->proto == step->hop.proto);
}

/* RFC 3263 4.1: what the domain names is all that it has. Name servers that know no such records know
 * others. */
static void on_naptr(enum gw_code code, const struct sip_srv *records, size_t count,
                     struct gw_now now, void *ctx)
{
    struct sip_search *s = ctx;
    const struct sip_step step = s->plan.steps[s->at++];
    size_t fit = 0;

    s->query = NULL;
    for (size_t i = 0; !code && i < count && s->at + fit < SIP_STEPS_MAX; i++) {
        struct sip_step *named = &s->plan.steps[s->at + fit];

        if (!is_fit(s, &step, &records[i]))
            continue;
        *named = (struct sip_step){ .rule = SIP_RULE_NAMED, .hop.proto = records[i].proto };
        memcpy(named->hop.host, records[i].host.p, records[i].host.len);
        fit++;
    }
    if (fit || (!code && count && !s->plan.keeps_proto))
        s->plan.count = s->at + fit;
    next(s, &step, !fit, now);
}

static void on_addresses(const struct gw_str *names, size_t count, struct gw_now now, void *ctx)
{
    struct sip_search *s = ctx;
    const struct sip_step *step = &s->plan.steps[s->at++];

    s->query = NULL;
    for (size_t i = 0; i < count; i++)
        add_found(s, step, names[i], step->hop.port ? step->hop.port : SIP_AGENT_PORT, 0);
    next(s, step, !s->count, now);
}

static void ask(struct sip_search *s, const struct sip_step *step)
{
    char name[SIP_PATTERN_MAX + 1];

    (void)snprintf(name, sizeof(name), "%s%s", rules[step->rule].prefix, step->hop.host);
    switch (rules[step->rule].question) {
    case NOTHING:
        break;
    case SERVICES:
        s->query = s->io->srv_start(false, name, on_services, s, s->io_ctx);
        break;
    case NAPTR:
        s->query = s->io->srv_start(true, name, on_naptr, s, s->io_ctx);
        break;
    case ADDRESSES:
        s->query = s->io->names_start(false, name, on_addresses, s, s->io_ctx);
        break;
    }
}

/* The next step; true: nothing has to be waited for. Records that were found leave no more to do, and so
 * do static routes. */
static bool go_on(struct sip_search *s)
{
    for (; s->at < s->plan.count && !(s->count && !is_static(s->hops[0].rule)); s->at++) {
        const struct sip_step *step = &s->plan.steps[s->at];

        if (!is_static(step->rule)) {
            ask(s, step);
            return false;
        }
        s->hops[s->count++] = *step;
    }
    if (!s->count)
        gw_fail(&s->err, GW_NOTFOUND,
                "there is neither a static route nor a record %s: set sip.routes, or ask the "
                "domain's administrators to publish it",
                s->missing[0]);
    return true;
}

bool sip_search_start(struct sip_search *s, const struct sip_plan *plan, const struct sip_io *io,
                      void *io_ctx, sip_search_fn *done, void *ctx)
{
    *s = (struct sip_search){ .io = io, .io_ctx = io_ctx, .plan = *plan, .done = done, .ctx = ctx };
    return go_on(s);
}

void sip_search_done(struct sip_search *s)
{
    if (s->query)
        s->io->srv_cancel(&s->query, s->io_ctx);
}
