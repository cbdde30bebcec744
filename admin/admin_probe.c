/* /v1/certificates/probe: a look at a server's certificate, for check and import */
#include <stdlib.h>

#include "admin_priv.h"
#include "cert_probe.h"
#include "gw_log.h"

static json_t *link_json(const struct cert_link *link)
{
    json_t *json =
        json_pack("{s:s, s:o, s:s, s:b, s:b}", "state", cert_link_state_name(link->state),
                  "subject", admin_json_cstr(link->subject), "reason", link->reason, "sent",
                  link->sent, "trusted", link->trusted);

    if (link->info) {
        json_object_set_new(json, "certificate", admin_json_cert(link->info));
        json_object_set_new(json, "der", admin_json_base64(link->der));
    }
    if (link->issuer_url)
        json_object_set_new(json, "issuer_url", admin_json_cstr(link->issuer_url));
    return json;
}

json_t *admin_json_chain(const struct cert_chain *chain)
{
    json_t *list = json_array();

    for (size_t i = 0; chain && i < cert_chain_len(chain); i++)
        json_array_append_new(list, link_json(cert_chain_link(chain, i)));
    return list;
}

static json_t *report_json(const struct cert_report *r)
{
    const struct cert_link *missing = r->chain ? cert_chain_missing(r->chain) : NULL;
    const char *verdict = r->verdict == CERT_NOT_SEEN ? "Not tried" : cert_verdict_name(r->verdict);
    json_t *json =
        json_pack("{s:b, s:s, s:o, s:s, s:o, s:o}", "ok", r->verdict == CERT_VERIFIED,
                  "reachability", r->reached ? "Reachable" : "Unreachable", "reachability_text",
                  admin_json_cstr(r->reached ? r->peer : r->reached_text), "certificate", verdict,
                  "text", admin_json_cstr(r->text), "chain", admin_json_chain(r->chain));

    if (r->protocol) {
        json_object_set_new(json, "protocol", admin_json_cstr(r->protocol));
        json_object_set_new(json, "cipher", admin_json_cstr(r->cipher));
    }
    if (r->fetch_text)
        json_object_set_new(json, "fetch_text", admin_json_cstr(r->fetch_text));
    if (missing)
        json_object_set_new(json, "missing", json_string(missing->info->fingerprint));
    return json;
}

static void probe_done(const struct cert_report *report, void *ctx)
{
    struct admin_call *call = ctx;

    call->work = NULL; /* it is over: nothing to cancel */
    admin_reply(call, 200, report_json(report));
}

static void probe_drop(void *work)
{
    struct cert_probe *probe = work;

    cert_probe_cancel(&probe);
}

static void probe_gone(void *ctx)
{
    struct admin_call *call = ctx;

    admin_call_free(&call);
}

struct probe_fields {
    struct gw_str host, name, starttls, store;
    int64_t port;
    int sip, fetch_issuers;
};

#define AT(member) offsetof(struct probe_fields, member)

static const struct admin_field probe_fields[] = {
    { "host", ADMIN_TEXT, AT(host), true, 1, 253 },
    { "port", ADMIN_NUMBER, AT(port), true, 1, 65535 },
    { "name", ADMIN_TEXT, AT(name), false, 1, 253 },
    { "starttls", ADMIN_TEXT, AT(starttls), false, 1, 16 },
    { "store", ADMIN_TEXT, AT(store), false, 1, 32 },
    { "sip", ADMIN_FLAG, AT(sip), false, 0, 0 },
    { "fetch_issuers", ADMIN_FLAG, AT(fetch_issuers), false, 0, 0 },
};

/* Whose rules, and whom to trust, as connections of that kind do. */
static enum gw_code probe_kind(const struct admin_api_args *args, const struct probe_fields *fields,
                               struct cert_probe_args *out, struct gw_err *err)
{
    const struct cert_trust_set *set = NULL;
    char quoted[GW_QUOTE_MAX];

    out->purpose = fields->sip == 1 ? CERT_FOR_SIP : CERT_FOR_EXCHANGE;
    out->set = CERT_TRUST_EXCHANGE;
    if (fields->starttls.p) {
        out->set = CERT_TRUST_XMPP;
        if (gw_str_is(fields->starttls, "xmpp")) {
            out->prelude = args->host->starttls_client;
            out->purpose = CERT_FOR_XMPP_CLIENT;
        } else if (gw_str_is(fields->starttls, "xmpp-server")) {
            out->prelude = args->host->starttls_server;
            out->purpose = CERT_FOR_XMPP_SERVER;
        } else {
            return gw_fail(err, GW_INVALID,
                           "STARTTLS is known for 'xmpp' and 'xmpp-server', not for %s",
                           gw_quote(fields->starttls, quoted));
        }
        if (fields->sip == 1)
            return gw_fail(err, GW_INVALID, "a server is one of SIP or of XMPP, not both");
    }
    if (!fields->store.p)
        return GW_OK;
    if (cert_trust_set_find(fields->store, &set, err))
        return err->code;
    out->set = set->name;
    return GW_OK;
}

static enum gw_code probe_start(struct admin_call *call, const struct probe_fields *fields,
                                struct gw_err *err)
{
    const struct admin_api_args *args = &call->api->args;
    struct cert_probe_args probe = {
        .store = args->certs,
        .port = (uint16_t)fields->port,
        .fetch_issuers = fields->fetch_issuers == 1,
    };
    enum gw_code rc = probe_kind(args, fields, &probe, err);
    char *host, *name;

    if (rc)
        return rc;
    host = gw_str_dup(fields->host);
    name = fields->name.p ? gw_str_dup(fields->name) : NULL;
    call->work_free = probe_drop;
    probe.host = host;
    probe.name = name;
    call->work = cert_probe_start(args->loop, &probe, probe_done, call);
    free(host);
    free(name);
    return GW_OK;
}

void admin_certificate_probe(struct admin_call *call)
{
    struct probe_fields fields;
    struct gw_err err;
    enum gw_code rc;

    rc = admin_fields_read(call->body, probe_fields, sizeof(probe_fields) / sizeof(probe_fields[0]),
                           &fields, &err);
    if (!rc)
        rc = probe_start(call, &fields, &err);
    if (rc)
        admin_reply_error(call, &err);
    else
        net_http_on_gone(call->x, probe_gone, call);
}
