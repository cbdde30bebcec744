#include "sip_search.h"

#include <stdio.h>
#include <string.h>

#define SERVICE "_sipfederationtls._tcp."

static bool is_static(enum sip_rule rule)
{
    return rule == SIP_RULE_STATIC || rule == SIP_RULE_DEFAULT_STATIC;
}

static void add_found(struct sip_search *s, const struct sip_step *step, const char *asked,
                      const struct sip_srv *r)
{
    struct sip_step *hop = &s->hops[s->count];

    if (s->count == SIP_FOUND_MAX || !r->host.len || r->host.len > SIP_HOST_MAX || !r->port ||
        gw_str_is(r->host, ".")) /* RFC 2782: no service here */
        return;
    *hop = (struct sip_step){ .rule = step->rule, .priority = r->priority };
    hop->hop.proto = SIP_TLS;
    hop->hop.port = r->port;
    memcpy(hop->hop.host, r->host.p, r->host.len);
    (void)snprintf(hop->pattern, sizeof(hop->pattern), "%s", asked);
    s->count++;
}

static bool go_on(struct sip_search *s);

static void on_records(enum gw_code code, const struct sip_srv *records, size_t count,
                       struct gw_now now, void *ctx)
{
    struct sip_search *s = ctx;
    const struct sip_step *step = &s->plan.steps[s->at++];
    char asked[SIP_PATTERN_MAX + 1];

    s->query = NULL;
    (void)snprintf(asked, sizeof(asked), SERVICE "%s", step->hop.host);
    for (size_t i = 0; !code && i < count; i++)
        add_found(s, step, asked, &records[i]);
    if (code && code != GW_NOTFOUND)
        gw_fail(&s->err, code, "the name servers do not answer for %s", asked);
    else if (!s->count)
        memcpy(s->missing[s->missing_count++], asked, sizeof(asked));
    if ((code && code != GW_NOTFOUND) || go_on(s))
        s->done(s, now, s->ctx);
}

/* The next step; true: nothing has to be waited for. Records that were found leave no more to do, and so
 * do static routes. */
static bool go_on(struct sip_search *s)
{
    char name[SIP_PATTERN_MAX + 1];

    for (; s->at < s->plan.count && !(s->count && !is_static(s->hops[0].rule)); s->at++) {
        const struct sip_step *step = &s->plan.steps[s->at];

        if (is_static(step->rule)) {
            s->hops[s->count++] = *step;
            continue;
        }
        (void)snprintf(name, sizeof(name), SERVICE "%s", step->hop.host);
        s->query = s->io->srv_start(name, on_records, s, s->io_ctx);
        return false;
    }
    if (!s->count)
        gw_fail(&s->err, GW_NOTFOUND,
                "there is neither a static route nor a record %s: set sip.routes, or ask the "
                "domain's administrators to publish it",
                s->missing[s->missing_count - 1]);
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
