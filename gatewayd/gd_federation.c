#include "gd_federation.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gd_mail.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_federation.h"
#include "xmpp_jid.h"

#define KIND_EXCEPTION "federation-exception"
#define KIND_SECRET    "federation-secret"
#define SECRET         "dialback" /* its key, and what it is sealed for */

static struct xmpp_fed *fed_of(const struct gd *gd)
{
    return xmpp_federation_fed(gd->federation);
}

static void load_one(const struct store_record *r, void *ctx)
{
    char quoted[GW_QUOTE_MAX];
    enum xmpp_direction d;
    struct gw_err err;

    if (!xmpp_direction_parse(r->value, &d))
        gw_warn("gatewayd", "exception of another version left out domain=%s",
                gw_quote(r->key, quoted));
    else if (xmpp_policy_except(ctx, r->key, d, NULL, &err))
        gw_warn("gatewayd", "exception left out: %s", err.msg);
}

/* --- the dialback secret */

/* Of this node alone, when none was set. */
static char *own_secret(const struct gd *gd)
{
    uint8_t bytes[STORE_DERIVED_LEN];
    struct gw_buf hex;

    store_derive(gd->store, GW_STR("xmpp/dialback"), bytes);
    gw_buf_init(&hex, 2 * sizeof(bytes) + 1);
    gw_hex_write((struct gw_str){ (const char *)bytes, sizeof(bytes) }, &hex);
    gw_wipe(bytes, sizeof(bytes));
    return gw_buf_take(&hex);
}

static void load_secret(const struct store_record *r, void *ctx)
{
    struct gd *gd = ctx;
    struct gw_buf secret;
    struct gw_err err;

    gw_buf_init(&secret, XMPP_SECRET_MAX + 1);
    if (!gw_str_is(r->key, SECRET)) {
        gw_warn("gatewayd", "secret of another version left out");
    } else if (store_unseal(gd->store, GW_STR("federation/" SECRET), r->value, &secret, &err)) {
        gw_error("gatewayd",
                 "the dialback secret cannot be read, and one of this node alone takes its place "
                 "until it is set again (kalendsctl federation secret set): %s",
                 err.msg);
    } else {
        xmpp_fed_set_secret(fed_of(gd), gw_buf_str(&secret));
        gd->has_dialback_secret = true;
    }
    if (secret.p)
        gw_wipe(secret.p, secret.len);
    gw_buf_done(&secret);
}

static enum gw_code dns_apply(struct gd *gd, struct gw_err *err)
{
    const char *servers = gd->settings.federation.dns_servers;

    return net_dns_set_servers(gd->federation_dns, servers[0] ? servers : NULL, err);
}

enum gw_code gd_federation_start(struct gd *gd, struct gw_err *err)
{
    struct xmpp_federation_args args = { .loop = gd->loop,
                                         .server = gd->xmpp,
                                         .settings = &gd->settings.federation,
                                         .certs = gd->certs };
    enum gw_code rc;
    char *secret;

    gd->federation_dns = net_dns_new(gd->loop, err);
    if (!gd->federation_dns)
        return err->code;
    rc = dns_apply(gd, err);
    if (rc)
        return rc;
    args.dns = gd->federation_dns;
    args.identity = gd->identity[GD_IDENTITY_XMPP_S2S];
    secret = own_secret(gd);
    args.secret = gw_str_of(secret);
    rc = xmpp_federation_new(&args, &gd->federation, err);
    gw_secret_free(&secret);
    if (!rc)
        rc = gd_load(gd, KIND_SECRET, load_secret, gd, err);
    if (!rc)
        rc = gd_load(gd, KIND_EXCEPTION, load_one, xmpp_fed_policy(fed_of(gd)), err);
    if (!rc)
        rc = gd_federation_apply(gd, err);
    if (!rc && xmpp_federation_listen(gd->federation, gd->config.xmpp_listen,
                                      (uint16_t)gd->config.federation_port, NULL, err))
        rc = gw_fail_prefix(err, "federation (xmpp_listen and federation_port of the configuration "
                                 "file): ");
    return rc;
}

enum gw_code gd_federation_apply(struct gd *gd, struct gw_err *err)
{
    enum gw_code rc = dns_apply(gd, err);

    return rc ? rc : xmpp_federation_apply(gd->federation, err);
}

void gd_federation_stop(struct gd *gd)
{
    xmpp_federation_stop(gd->federation);
}

bool gd_federation_is_idle(const struct gd *gd)
{
    return xmpp_federation_is_idle(gd->federation);
}

void gd_federation_done(struct gd *gd)
{
    if (gd->federation)
        xmpp_federation_free(&gd->federation);
}

/* --- for the API */

static json_t *text_json(struct gw_str s)
{
    return json_stringn(s.p ? s.p : "", s.len);
}

enum { LISTED_MAX = 1000 }; /* connections: more would keep the loop, and nobody reads them */

struct listing {
    json_t *list;
    size_t left_out;
    struct gw_now now;
    struct gw_str only; /* a domain; .p NULL: all */
};

static json_t *when_json(gw_time at, const struct gw_now *now)
{
    char text[GW_UTC_TEXT_MAX];

    if (!at || at == GW_NEVER)
        return json_null();
    return json_string(gw_utc_text((now->utc + (at - now->mono)) / 1000 * 1000, text));
}

static void add_link(const struct xmpp_link_view *v, void *ctx)
{
    struct listing *l = ctx;

    if (l->only.p && !gw_str_eq(v->remote, l->only))
        return;
    if (json_array_size(l->list) >= LISTED_MAX) {
        l->left_out++;
        return;
    }
    json_array_append_new(
        l->list, json_pack("{s:o, s:o, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:o, s:o, s:s}",
                           "local", text_json(v->local), "remote", text_json(v->remote),
                           "direction", v->is_in ? "incoming" : "outgoing", "state", v->state,
                           "peer", v->peer, "proved_by", v->how, "tls", v->is_tls, "acknowledged",
                           v->is_acked, "queued", (json_int_t)v->queued, "unacknowledged",
                           (json_int_t)v->unacked, "since", when_json(v->since, &l->now),
                           "retry_at", when_json(v->retry_at, &l->now), "error", v->error));
}

static void add_exception(const char *domain, enum xmpp_direction d, void *ctx)
{
    json_array_append_new(
        ctx, json_pack("{s:s, s:s}", "domain", domain, "direction", xmpp_direction_name(d)));
}

void gd_federation_json(const struct gd *gd, json_t *into)
{
    struct listing l = { .list = json_array(), .now = net_loop_now(gd->loop) };
    json_t *exceptions = json_array();
    struct xmpp_fed_counters c;

    xmpp_fed_each(fed_of(gd), add_link, &l);
    xmpp_policy_each(xmpp_fed_policy(fed_of(gd)), add_exception, exceptions);
    xmpp_fed_counters(fed_of(gd), &c);
    json_object_set_new(into, "on", json_boolean(gd->settings.federation.is_on));
    json_object_set_new(
        into, "policy",
        json_string(gd->settings.federation.policy == XMPP_FED_ALLOW ? "allow" : "deny"));
    json_object_set_new(into, "exceptions", exceptions);
    json_object_set_new(into, "dialback_secret",
                        json_string(gd->has_dialback_secret ? "set" : "own"));
    json_object_set_new(into, "connections", l.list);
    json_object_set_new(into, "left_out", json_integer((json_int_t)l.left_out));
    json_object_set_new(into, "stanzas_in", json_integer((json_int_t)c.stanzas_in));
    json_object_set_new(into, "stanzas_out", json_integer((json_int_t)c.stanzas_out));
    json_object_set_new(into, "bounced", json_integer((json_int_t)c.bounced));
    json_object_set_new(into, "dropped", json_integer((json_int_t)c.dropped));
    json_object_set_new(into, "refused", json_integer((json_int_t)c.refused));
}

enum { VALUE_MAX = 300 };

/* Choices are what federation is like; the numbers beside them are what this machine can bear. */
void gd_federation_settings_json(const struct gd *gd, json_t *into)
{
    json_t *exceptions = json_array();
    char mark[XMPP_SECRET_MARK_MAX];
    struct gw_buf value;

    for (size_t i = 0; i < xmpp_fed_param_count; i++) {
        if (xmpp_fed_params[i].type != GW_PARAM_CHOICE)
            continue;
        gw_buf_init(&value, VALUE_MAX);
        gw_param_write(&xmpp_fed_params[i], &gd->settings.federation, &value);
        json_object_set_new(into, xmpp_fed_params[i].key, text_json(gw_buf_str(&value)));
        gw_buf_done(&value);
    }
    xmpp_fed_secret_mark(fed_of(gd), mark);
    json_object_set_new(into, "dialback_secret_mark", json_string(mark));
    json_object_set_new(into, PRES_PARAM_MAIL, json_string(gd->settings.pres.mail ? "on" : "off"));
    json_object_set_new(into, "mail_domains", gd_mail_domains_json(gd));
    xmpp_policy_each(xmpp_fed_policy(fed_of(gd)), add_exception, exceptions);
    json_object_set_new(into, "exceptions", exceptions);
}

static json_t *rule_json(const struct gd *gd, struct gw_str domain, enum xmpp_direction d)
{
    struct gw_err why = { 0 };
    bool is_allowed = xmpp_fed_allows(fed_of(gd), domain, d, &why);

    return json_pack("{s:b, s:s}", "allowed", is_allowed, "why", why.msg);
}

enum gw_code gd_federation_why(const struct gd *gd, struct gw_str domain, json_t *into,
                               struct gw_err *err)
{
    struct listing l = { .now = net_loop_now(gd->loop) };
    struct gw_buf name;
    enum gw_code rc = GW_OK;

    gw_buf_init(&name, XMPP_JID_PART_MAX);
    if (!xmpp_domain_write(domain, &name)) {
        rc = gw_fail(err, GW_INVALID, "'%.*s' is not a domain",
                     GW_STR_ARG(gw_str_utf8_cut(domain, 80)));
    } else {
        l.list = json_array();
        l.only = gw_buf_str(&name);
        xmpp_fed_each(fed_of(gd), add_link, &l);
        json_object_set_new(into, "domain", text_json(l.only));
        json_object_set_new(into, "incoming", rule_json(gd, l.only, XMPP_IN));
        json_object_set_new(into, "outgoing", rule_json(gd, l.only, XMPP_OUT));
        json_object_set_new(into, "connections", l.list);
        json_object_set_new(into, "left_out", json_integer((json_int_t)l.left_out));
    }
    gw_buf_done(&name);
    return rc;
}

static void changed(struct gd *gd, struct store_batch **b, store_done_fn *done, void *done_ctx)
{
    store_commit(gd->store, b, done, done_ctx);
    xmpp_fed_apply(fed_of(gd), net_loop_now(gd->loop));
}

enum gw_code gd_federation_except(struct gd *gd, struct gw_str domain, struct gw_str direction,
                                  store_done_fn *done, void *done_ctx, struct gw_err *err)
{
    enum xmpp_direction d = XMPP_BOTH;
    struct store_batch *b;
    const char *name;
    enum gw_code rc;

    if (direction.p && !xmpp_direction_parse(direction, &d))
        return gw_fail(err, GW_INVALID, "a direction is both, incoming or outgoing");
    rc = xmpp_policy_except(xmpp_fed_policy(fed_of(gd)), domain, d, &name, err);
    if (rc)
        return rc;
    gw_info("gatewayd", "federation exception domain='%s' direction=%s", name,
            xmpp_direction_name(d));
    b = store_batch_new();
    store_put(b, KIND_EXCEPTION, gw_str_of(name), GW_STR(""), gw_str_of(xmpp_direction_name(d)));
    changed(gd, &b, done, done_ctx);
    return GW_OK;
}

enum gw_code gd_federation_forget(struct gd *gd, struct gw_str domain, store_done_fn *done,
                                  void *done_ctx, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    struct store_batch *b;
    struct gw_buf name;
    enum gw_code rc = xmpp_policy_forget(xmpp_fed_policy(fed_of(gd)), domain, err);

    if (rc)
        return rc;
    gw_info("gatewayd", "federation exception removed domain=%s", gw_quote(domain, quoted));
    gw_buf_init(&name, XMPP_JID_PART_MAX + 2);
    if (gw_str_starts(domain, "*.")) {
        gw_buf_add_cstr(&name, "*.");
        domain = gw_str_sub(domain, 2, domain.len);
    }
    (void)xmpp_domain_write(domain, &name); /* it was found */
    b = store_batch_new();
    store_del(b, KIND_EXCEPTION, gw_buf_str(&name));
    changed(gd, &b, done, done_ctx);
    gw_buf_done(&name);
    return GW_OK;
}

/* --- the dialback secret, changed */

static enum gw_code secret_check(struct gw_str secret, struct gw_err *err)
{
    if (secret.len < XMPP_SECRET_MIN || secret.len > XMPP_SECRET_MAX)
        return gw_fail(err, GW_INVALID,
                       "a dialback secret has %d to %d bytes, since who guesses it speaks for our "
                       "domains; 'openssl rand -hex 32' makes one",
                       XMPP_SECRET_MIN, XMPP_SECRET_MAX);
    if (!gw_str_is_line(secret))
        return gw_fail(err, GW_INVALID, "a dialback secret is one line of text");
    return GW_OK;
}

enum gw_code gd_federation_secret_set(struct gd *gd, struct gw_str secret, store_done_fn *done,
                                      void *done_ctx, struct gw_err *err)
{
    enum gw_code rc = secret_check(secret, err);
    struct store_batch *b;
    struct gw_buf sealed;

    if (rc)
        return rc;
    xmpp_fed_set_secret(fed_of(gd), secret);
    gd->has_dialback_secret = true;
    gw_info("gatewayd", "dialback secret set");
    gw_buf_init(&sealed, STORE_VALUE_MAX);
    store_seal(gd->store, GW_STR("federation/" SECRET), secret, &sealed);
    b = store_batch_new();
    store_put(b, KIND_SECRET, GW_STR(SECRET), GW_STR(""), gw_buf_str(&sealed));
    store_commit(gd->store, &b, done, done_ctx);
    gw_buf_done(&sealed);
    return GW_OK;
}

enum gw_code gd_federation_secret_forget(struct gd *gd, store_done_fn *done, void *done_ctx,
                                         struct gw_err *err)
{
    struct store_batch *b;
    char *own;

    if (!gd->has_dialback_secret)
        return gw_fail(err, GW_NOTFOUND, "no dialback secret was set");
    own = own_secret(gd);
    xmpp_fed_set_secret(fed_of(gd), gw_str_of(own));
    gw_secret_free(&own);
    gd->has_dialback_secret = false;
    gw_info("gatewayd", "dialback secret forgotten: this node uses one of its own");
    b = store_batch_new();
    store_del(b, KIND_SECRET, GW_STR(SECRET));
    store_commit(gd->store, &b, done, done_ctx);
    return GW_OK;
}
