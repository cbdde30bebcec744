/* From the first byte to the bound resource: stream header, STARTTLS, SASL, binding (RFC 6120 4 to
 * 7). What may come when is one table at the end. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_priv.h"

enum { PENALTY_MS = 1000, SASL_OUT_MAX = 4096 };

/* ---- The header ---- */

void xmpp_send_header(struct xmpp_c2s *c)
{
    struct xml_writer w;
    char id[33];

    gw_random_hex(id, 16); /* RFC 6120 4.7.3: unique and not to be guessed */
    xmpp_begin(c, &w);
    gw_buf_add_cstr(&c->host->out, "<?xml version='1.0'?>");
    xml_open(&w, "stream:stream");
    xml_put_attr(&w, "xmlns", GW_STR(NS_CLIENT));
    xml_put_attr(&w, "xmlns:stream", GW_STR(NS_STREAM));
    xml_put_attr(&w, "id", gw_str_of(id));
    xml_put_attr(&w, "version", GW_STR("1.0"));
    xml_put_attr(&w, "xml:lang", GW_STR("en"));
    if (c->domain)
        xml_put_attr(&w, "from", gw_str_of(c->domain));
    if (c->from)
        xml_put_attr(&w, "to", gw_str_of(c->from));
    xml_flush_tag(&w);
    xmpp_end(c);
    c->has_header = true;
}

static void put_empty(struct xml_writer *w, const char *name, const char *ns)
{
    xmpp_open_ns(w, name, ns);
    xml_close(w);
}

static xmpp_binding_fn *binding_of(const struct xmpp_c2s *c)
{
    return c->host->settings->channel_binding ? c->io->binding : NULL;
}

static bool has_binding(const struct xmpp_c2s *c, const char *type)
{
    xmpp_binding_fn *binding = binding_of(c);
    struct gw_buf value;
    bool has;

    gw_buf_init(&value, SASL_OUT_MAX);
    has = binding && binding(type, &value, c->io_ctx);
    gw_buf_done(&value);
    return has;
}

/* XEP-0440. False: there are none. */
static bool put_bindings(const struct xmpp_c2s *c, struct xml_writer *w)
{
    bool any = false;

    for (const char *const *type = xmpp_binding_types; *type; type++) {
        if (!has_binding(c, *type))
            continue;
        if (!any)
            xmpp_open_ns(w, "sasl-channel-binding", NS_BINDING);
        any = true;
        xml_open(w, "channel-binding");
        xml_put_attr(w, "type", gw_str_of(*type));
        xml_close(w);
    }
    if (any)
        xml_close(w);
    return any;
}

/* ---- Logins by certificate ---- */

struct claim {
    const struct xmpp_c2s *c;
    struct gw_str wanted; /* bare JID; empty: anybody */
    struct gw_buf *user;  /* the last one found */
    size_t count;
};

/* Only bare addresses of users who may log in, and of the domain that the stream is for. */
static void on_address(struct gw_str address, void *ctx)
{
    struct claim *claim = ctx;
    struct xmpp_jid jid;

    if (xmpp_jid_parse(address, &jid, NULL) || !jid.local.len || jid.resource.len ||
        !gw_str_is(jid.domain, claim->c->domain) ||
        !xmpp_sasl_may_log_in(claim->c->host->sasl, jid.bare))
        return;
    if ((claim->wanted.len && !gw_str_eq(jid.bare, claim->wanted)) ||
        gw_str_eq(jid.bare, gw_buf_str(claim->user))) /* written twice */
        return;
    gw_buf_reset(claim->user);
    gw_buf_add_str(claim->user, jid.bare);
    claim->count++;
}

static size_t count_claims(const struct xmpp_c2s *c, struct gw_str wanted, struct gw_buf *user)
{
    struct claim claim = { .c = c, .wanted = wanted, .user = user };

    if (c->host->settings->client_certificates && c->io->addresses)
        c->io->addresses(on_address, &claim, c->io_ctx);
    return claim.count;
}

static bool has_external(const struct xmpp_c2s *c)
{
    struct gw_buf user;
    bool has;

    gw_buf_init(&user, XMPP_JID_TEXT_MAX);
    has = count_claims(c, GW_STR(""), &user) > 0;
    gw_buf_done(&user);
    return has;
}

/* An xmpp_external_fn. */
static bool external(struct gw_str authzid, struct gw_buf *user, void *ctx)
{
    struct xmpp_jid jid = { .bare = GW_STR("") };

    if (authzid.len && (xmpp_jid_parse(authzid, &jid, NULL) || jid.resource.len))
        return false;
    return count_claims(ctx, jid.bare, user) == 1;
}

static void put_mechanisms(const struct xmpp_c2s *c, struct xml_writer *w)
{
    bool can_bind = put_bindings(c, w);

    xmpp_open_ns(w, "mechanisms", NS_SASL);
    if (has_external(c))
        xml_put(w, "mechanism", GW_STR(XMPP_SASL_EXTERNAL));
    for (const char *const *m = xmpp_sasl_mechanisms; *m; m++) {
        if (can_bind || !xmpp_sasl_binds(*m))
            xml_put(w, "mechanism", gw_str_of(*m));
    }
    xml_close(w);
}

static void send_features(struct xmpp_c2s *c)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xml_open(&w, "stream:features");
    if (!c->is_tls) {
        xmpp_open_ns(&w, "starttls", NS_TLS);
        xml_open(&w, "required");
        xml_close(&w);
        xml_close(&w);
    } else if (!c->is_authed) {
        put_mechanisms(c, &w);
    } else {
        put_empty(&w, "bind", NS_BIND);
        xmpp_open_ns(&w, "session", NS_SESSION); /* RFC 3921, for old clients */
        xml_open(&w, "optional");
        xml_close(&w);
        xml_close(&w);
        put_empty(&w, "ver", NS_ROSTERVER);
        put_empty(&w, "sm", NS_SM);
        put_empty(&w, "csi", NS_CSI);
    }
    xml_close(&w);
    xmpp_end(c);
}

/* "1.0", "1.1", "2.0": RFC 6120 4.7.5. */
static bool is_version_1(struct gw_str version)
{
    struct gw_str major, minor;
    int64_t n;

    return gw_str_cut(version, ".", &major, &minor) && gw_str_to_int(major, 1, 1000, &n) &&
           gw_str_to_int(minor, 0, 1000, &n);
}

static bool take_domain(struct xmpp_c2s *c, struct gw_str to)
{
    struct gw_buf domain;
    bool is_ours;

    gw_buf_init(&domain, XMPP_JID_PART_MAX);
    is_ours =
        xmpp_domain_write(to, &domain) && pres_domain_is_local(c->host->core, gw_buf_str(&domain));
    /* Who logged in stays in his domain. */
    if (is_ours && c->is_authed)
        is_ours = gw_str_is(gw_buf_str(&domain), c->domain);
    if (is_ours) {
        free(c->domain);
        c->domain = gw_buf_take(&domain);
    }
    gw_buf_done(&domain);
    return is_ours;
}

/* RFC 6120 4.7.2: it comes back as 'to'. What is no address does not. */
static void take_from(struct xmpp_c2s *c, struct gw_str from)
{
    struct xmpp_jid jid;

    free(c->from);
    c->from = from.len && !xmpp_jid_parse(from, &jid, NULL) ? gw_str_dup(jid.bare) : NULL;
}

void xmpp_on_header(struct xmpp_c2s *c, const struct xml_node *root)
{
    if (c->state != XMPP_HELLO)
        return;
    if (!gw_str_is(root->ns, NS_STREAM)) {
        xmpp_stream_error(c, "invalid-namespace", "the namespace of streams is " NS_STREAM);
        return;
    }
    if (!gw_str_is(root->name, "stream")) {
        xmpp_stream_error(c, "bad-format", "the root element is not 'stream'");
        return;
    }
    take_from(c, xml_attr(root, "from"));
    c->speaks_japanese = gw_str_starts(xml_attr_ns(root, NS_XML, "lang"), "ja");
    if (!take_domain(c, xml_attr(root, "to"))) {
        xmpp_stream_error(c, "host-unknown", "the domain in 'to' is not served here");
        return;
    }
    if (!is_version_1(xml_attr(root, "version"))) {
        xmpp_stream_error(c, "unsupported-version", "version 1.0 of XMPP is spoken here");
        return;
    }
    if (!c->is_tls && !c->can_tls) {
        xmpp_stream_error(c, "internal-server-error", "the server has no certificate yet");
        return;
    }
    xmpp_send_header(c);
    send_features(c);
    xmpp_enter(c, XMPP_FEATURES);
}

/* The peer's next bytes are a new stream (RFC 6120 5.4.3.3, 6.4.6). */
static void restart(struct xmpp_c2s *c)
{
    c->has_header = false;
    xml_stream_restart(c->xml);
}

/* ---- STARTTLS ---- */

static void on_starttls(struct xmpp_c2s *c, const struct xml_node *node)
{
    struct xml_writer w;

    (void)node;
    xmpp_begin(c, &w);
    put_empty(&w, "proceed", NS_TLS);
    xmpp_end(c);
    restart(c);
    xmpp_enter(c, XMPP_HANDSHAKE);
    c->io->start_tls(c->io_ctx);
}

/* ---- SASL ---- */

static void send_failure(struct xmpp_c2s *c, const char *condition)
{
    struct xml_writer w;

    xmpp_begin(c, &w);
    xmpp_open_ns(&w, "failure", NS_SASL);
    xml_open(&w, condition);
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
}

/* RFC 6120 6.4.5: the client may try again, a few times. */
static void after_failure(struct xmpp_c2s *c)
{
    xmpp_sasl_free(&c->sasl);
    if (++c->attempts >= (unsigned)c->host->settings->login_attempts)
        xmpp_stream_error(c, "policy-violation", "too many attempts to log in");
    else
        xmpp_enter(c, XMPP_FEATURES);
}

static void fail(struct xmpp_c2s *c, const char *condition)
{
    char quoted[GW_QUOTE_MAX];

    gw_info("xmpp", "s=%s login-failed peer=%s user=%s condition=%s", c->id, c->peer,
            gw_quote(c->sasl ? xmpp_sasl_user(c->sasl) : GW_STR(""), quoted), condition);
    c->host->counters.logins_failed++;
    send_failure(c, condition);
    after_failure(c);
}

static void send_data(struct xmpp_c2s *c, const char *name, struct gw_str data, bool is_needed)
{
    struct xml_writer w;
    struct gw_buf text;

    gw_buf_init(&text, 2 * SASL_OUT_MAX);
    gw_base64_write(data, &text);
    xmpp_begin(c, &w);
    xmpp_open_ns(&w, name, NS_SASL);
    if (data.len)
        xml_put_text(&w, gw_buf_str(&text));
    else if (is_needed)
        xml_put_text(&w, GW_STR("=")); /* RFC 6120 6.4.6: empty, but there */
    xml_close(&w);
    xmpp_end(c);
    gw_buf_done(&text);
}

static void logged_in(struct xmpp_c2s *c, struct gw_str out)
{
    char quoted[GW_QUOTE_MAX];

    free(c->user);
    c->user = gw_str_dup(xmpp_sasl_user(c->sasl));
    gw_info("xmpp", "s=%s login peer=%s user=%s mechanism=%s", c->id, c->peer,
            gw_quote(gw_str_of(c->user), quoted), xmpp_sasl_mechanism(c->sasl));
    c->host->counters.logins++;
    pres_guard_succeeded(c->host->guard, c->network, gw_str_of(c->user));
    send_data(c, "success", out, false);
    xmpp_sasl_free(&c->sasl);
    c->is_authed = true;
    c->wants_limits = true;
    restart(c);
    xmpp_enter(c, XMPP_HELLO);
}

static bool is_allowed(const struct xmpp_c2s *c)
{
    return pres_guard_allows(c->host->guard, c->network, xmpp_sasl_user(c->sasl),
                             c->host->settings->login_failures, c->now.mono);
}

/* What is refused is no failure: it told the peer nothing. */
static void on_wrong(struct xmpp_c2s *c)
{
    struct gw_str user = xmpp_sasl_user(c->sasl);
    char quoted[GW_QUOTE_MAX];

    if (!is_allowed(c))
        return;
    pres_guard_failed(c->host->guard, c->network, user, c->now.mono);
    if (!is_allowed(c))
        gw_warn("xmpp", "logins refused for %d s network=%s user=%s reason=\"too many failed\"",
                PRES_GUARD_WINDOW_MS / 1000, c->network, gw_quote(user, quoted));
}

/* Here the password is known to be right or wrong, but nothing was said: whatever was tried at the
 * same time on other connections has been counted. */
static enum xmpp_sasl_result guarded(struct xmpp_c2s *c, enum xmpp_sasl_result result)
{
    switch (result) {
    case XMPP_SASL_CHECK:
    case XMPP_SASL_DONE:
        return is_allowed(c) ? result : XMPP_SASL_WRONG;
    case XMPP_SASL_AUTHZID:
        if (!is_allowed(c))
            return XMPP_SASL_WRONG;
        if (!xmpp_sasl_user(c->sasl)
                 .len) /* no certificate of that user: as good as a wrong password */
            on_wrong(c);
        return result;
    case XMPP_SASL_WRONG:
        on_wrong(c);
        return result;
    case XMPP_SASL_MORE:
    case XMPP_SASL_MALFORMED:
    case XMPP_SASL_FAILED:
        return result;
    }
    return result;
}

void xmpp_login_result(struct xmpp_c2s *c, enum xmpp_sasl_result result, struct gw_str out)
{
    result = guarded(c, result);
    switch (result) {
    case XMPP_SASL_MORE:
        send_data(c, "challenge", out, false);
        xmpp_enter(c, XMPP_SASL);
        return;
    case XMPP_SASL_CHECK:
        xmpp_enter(c, XMPP_CHECKING);
        c->io->check(xmpp_sasl_take_check(c->sasl), c->io_ctx);
        return;
    case XMPP_SASL_DONE:
        logged_in(c, out);
        return;
    case XMPP_SASL_WRONG: /* the answer is late: guessing is slow */
        c->penalty_until = gw_time_after(c->now.mono, PENALTY_MS * (int64_t)(c->attempts + 1));
        xmpp_enter(c, XMPP_PENALTY);
        return;
    case XMPP_SASL_MALFORMED:
        fail(c, "malformed-request");
        return;
    case XMPP_SASL_AUTHZID:
        fail(c, "invalid-authzid");
        return;
    case XMPP_SASL_FAILED:
        fail(c, "temporary-auth-failure");
        return;
    }
}

void xmpp_penalty_over(struct xmpp_c2s *c)
{
    fail(c, "not-authorized");
}

/* "=" stands for data that is there and empty, no text for no data. */
static bool decode(struct gw_str text, struct gw_buf *out)
{
    text = gw_str_trim(text);
    return !text.len || gw_str_is(text, "=") || gw_base64_parse(text, out);
}

static void step(struct xmpp_c2s *c, struct gw_str text)
{
    struct gw_buf in, out;

    gw_buf_init(&in, XMPP_STANZA_MAX_EARLY);
    gw_buf_init(&out, SASL_OUT_MAX);
    if (!decode(text, &in)) {
        fail(c, "incorrect-encoding");
    } else {
        enum xmpp_sasl_result result = xmpp_sasl_step(c->sasl, gw_buf_str(&in), &out);

        xmpp_login_result(c, out.failed ? XMPP_SASL_FAILED : result, gw_buf_str(&out));
    }
    if (in.p)
        gw_wipe(in.p, in.len);
    gw_buf_done(&in);
    gw_buf_done(&out);
}

static void on_auth(struct xmpp_c2s *c, const struct xml_node *node)
{
    const struct xmpp_sasl_args args = { .lib = c->host->sasl,
                                         .mechanism = xml_attr(node, "mechanism"),
                                         .domain = gw_str_of(c->domain),
                                         .binding = binding_of(c),
                                         .binding_ctx = c->io_ctx,
                                         .external = has_external(c) ? external : NULL,
                                         .external_ctx = c };

    c->sasl = xmpp_sasl_new(&args);
    if (!c->sasl) {
        fail(c, "invalid-mechanism");
        return;
    }
    if (gw_str_is(args.mechanism, XMPP_SASL_EXTERNAL) && !gw_str_trim(node->text).len)
        xmpp_login_result(c, XMPP_SASL_MORE, GW_STR("")); /* RFC 4422 5: asks for it */
    else
        step(c, node->text);
}

static void on_response(struct xmpp_c2s *c, const struct xml_node *node)
{
    step(c, node->text);
}

static void on_abort(struct xmpp_c2s *c, const struct xml_node *node)
{
    (void)node;
    fail(c, "aborted");
}

/* ---- Binding ---- */

static void bound(struct xmpp_c2s *c, const struct xmpp_stanza *s)
{
    char quoted[GW_QUOTE_MAX];
    struct xml_writer w;

    gw_info("xmpp", "s=%s bound jid=%s", c->id, gw_quote(gw_str_of(c->full), quoted));
    xmpp_begin_result(c, s, &w);
    xmpp_open_ns(&w, "bind", NS_BIND);
    xml_put(&w, "jid", gw_str_of(c->full));
    xml_close(&w);
    xml_close(&w);
    xmpp_end(c);
    c->host->counters.sessions++;
    xmpp_enter(c, XMPP_SESSION);
}

static void set_addresses(struct xmpp_c2s *c, struct gw_str resource)
{
    struct gw_buf full;
    struct xml_writer w;

    gw_buf_init(&full, XMPP_JID_TEXT_MAX);
    gw_buf_addf(&full, "%s/%.*s", c->user, GW_STR_ARG(resource));
    c->full = gw_buf_take(&full);
    gw_buf_reset(&c->to);
    xml_write_init(&w, &c->to);
    xml_open(&w, "presence");
    xml_put_attr(&w, "to", gw_str_of(c->user));
}

static void bind(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct gw_str resource)
{
    const struct pres_session_args args = {
        .user = gw_str_of(c->user), .resource = resource, .front = c->host->front, .ctx = c
    };
    enum gw_code rc = GW_NOTFOUND; /* removed or disabled since the login */
    struct gw_err err;

    if (xmpp_sasl_may_log_in(c->host->sasl, gw_str_of(c->user)))
        rc = pres_session_new(c->host->core, &args, c->now, &c->session, &err);
    if (rc == GW_LIMIT && xmpp_sm_end_oldest(c->host, args.user, c->now))
        rc = pres_session_new(c->host->core, &args, c->now, &c->session, &err);
    switch (rc) {
    case GW_OK:
        set_addresses(c, resource);
        bound(c, s);
        return;
    case GW_LIMIT:
        xmpp_stanza_error(c, s, XMPP_RESOURCE_CONSTRAINT, err.msg);
        return;
    default:
        xmpp_stream_error(c, "not-authorized", "the account may not be used any more");
        return;
    }
}

static void on_bind(struct xmpp_c2s *c, const struct xml_node *node)
{
    const struct xml_node *child = xml_child(node, NS_BIND, "bind");
    const struct xmpp_stanza s = { .node = node,
                                   .type = xml_attr(node, "type"),
                                   .id = xml_attr(node, "id") };
    struct gw_str wish = xml_child_text(child, NS_BIND, "resource");
    struct gw_buf resource;
    char own[25];

    if (!child) { /* RFC 6120 7.1: nothing else before it */
        xmpp_stream_error(c, "not-authorized", "a resource must be bound first");
        return;
    }
    if (!gw_str_is(s.type, "set") || !s.id.len) {
        xmpp_stanza_error(c, &s, XMPP_BAD_REQUEST, NULL);
        return;
    }
    gw_buf_init(&resource, XMPP_JID_PART_MAX);
    gw_random_hex(own, 12);
    if (!wish.len)
        bind(c, &s, gw_str_of(own));
    else if (xmpp_resource_write(wish, &resource))
        bind(c, &s, gw_buf_str(&resource));
    else
        xmpp_stanza_error(c, &s, XMPP_BAD_REQUEST, "not a resource");
    gw_buf_done(&resource);
}

/* ---- What may come when ---- */

enum phase { BEFORE_TLS = 1, BEFORE_LOGIN = 2, IN_LOGIN = 4, BEFORE_BIND = 8 };

static enum phase phase_of(const struct xmpp_c2s *c)
{
    if (!c->is_tls)
        return BEFORE_TLS;
    if (c->is_authed)
        return BEFORE_BIND;
    return c->state == XMPP_SASL ? IN_LOGIN : BEFORE_LOGIN;
}

static const struct {
    const char *ns, *name;
    unsigned phases;
    void (*handle)(struct xmpp_c2s *c, const struct xml_node *node);
    const char *otherwise; /* the stream error at any other time */
    const char *text;
} steps[] = {
    { NS_TLS, "starttls", BEFORE_TLS, on_starttls, "policy-violation", "TLS is in use already" },
    { NS_SASL, "auth", BEFORE_LOGIN, on_auth, "policy-violation",
      "not now: STARTTLS comes before a login, and one login is enough" },
    { NS_SASL, "response", IN_LOGIN, on_response, "policy-violation", "no challenge was sent" },
    { NS_SASL, "abort", IN_LOGIN, on_abort, "policy-violation", "there is no login to abort" },
    { NS_SM, "resume", BEFORE_BIND, xmpp_on_sm_resume, "not-authorized", "a login comes first" },
    { NS_SM, "enable", BEFORE_BIND, xmpp_on_sm_enable, "not-authorized", "a login comes first" },
    { NS_CLIENT, "iq", BEFORE_BIND, on_bind, "not-authorized", "STARTTLS and a login come first" },
    { NS_CLIENT, "message", 0, NULL, "not-authorized", "a login and a resource come first" },
    { NS_CLIENT, "presence", 0, NULL, "not-authorized", "a login and a resource come first" },
};

void xmpp_negotiate(struct xmpp_c2s *c, const struct xml_node *node)
{
    if (c->state == XMPP_CHECKING || c->state == XMPP_PENALTY) {
        xmpp_stream_error(c, "policy-violation", "the answer to the login is yet to come");
        return;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!xml_is(node, steps[i].ns, steps[i].name))
            continue;
        if (steps[i].phases & phase_of(c))
            steps[i].handle(c, node);
        else
            xmpp_stream_error(c, steps[i].otherwise, steps[i].text);
        return;
    }
    xmpp_unknown_stanza(c, node);
}
