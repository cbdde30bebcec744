/* Where SIP requests go, for an administrator who asks. */
#include <jansson.h>
#include <stdlib.h>

#include "gd.h"
#include "gw_mem.h"

struct admin_sip_route {
    struct sip_search search;
    admin_sip_route_fn *found;
    void *ctx;
    char *address;
};

static json_t *server_json(const struct sip_step *step)
{
    return json_pack("{s:s, s:i, s:s, s:s, s:i, s:s}", "host", step->hop.host, "port",
                     (int)step->hop.port, "transport", sip_proto_name(step->hop.proto), "rule",
                     sip_rule_names[step->rule], "priority", (int)step->priority, "said_by",
                     step->pattern);
}

static json_t *answer_json(const struct admin_sip_route *r)
{
    const struct sip_search *s = &r->search;
    json_t *servers = json_array(), *missing = json_array();

    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(servers, server_json(&s->hops[i]));
    for (size_t i = 0; i < s->missing_count; i++)
        json_array_append_new(missing, json_string(s->missing[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "address", r->address, "kind",
                     sip_kind_names[s->plan.kind], "servers", servers, "missing", missing, "error",
                     s->count ? "" : s->err.msg);
}

void gd_sip_route_cancel(struct admin_sip_route *r)
{
    sip_search_done(&r->search);
    free(r->address);
    free(r);
}

static void found(const struct sip_search *search, struct gw_now now, void *ctx)
{
    struct admin_sip_route *r = ctx;
    json_t *answer = answer_json(r);
    admin_sip_route_fn *fn = r->found;
    void *fn_ctx = r->ctx;

    (void)search;
    (void)now;
    gd_sip_route_cancel(r);
    fn(answer, fn_ctx);
}

enum gw_code gd_sip_route(struct gd *gd, struct gw_str address, json_t **answer,
                          admin_sip_route_fn *fn, void *ctx, struct admin_sip_route **out,
                          struct gw_err *err)
{
    struct admin_sip_route *r = gw_new(struct admin_sip_route);
    struct gw_buf name;
    bool known = false;
    enum gw_code rc;

    r->found = fn;
    r->ctx = ctx;
    gw_buf_init(&name, PRES_JID_MAX);
    rc = sip_core_search(sip_server_core(gd->sip), address, &name, &r->search, found, r, &known,
                         err);
    r->address = gw_str_dup(gw_buf_str(&name));
    gw_buf_done(&name);
    *answer = !rc && known ? answer_json(r) : NULL;
    *out = r;
    if (rc || known)
        gd_sip_route_cancel(r);
    return rc;
}
