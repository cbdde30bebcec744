/* Connections that we open to other servers: TLS, then our certificate or dialback, then what waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_dialback.h"
#include "xmpp_fed_priv.h"

/* ---- Proving ourselves ---- */

static void send_auth(struct xmpp_s2s *s)
{
    struct gw_buf text;
    struct xml_writer w;

    gw_buf_init(&text, 4 * XMPP_JID_PART_MAX);
    gw_base64_write(gw_str_of(s->local), &text);
    xmpp_s2s_begin(s, &w);
    xmpp_open_ns(&w, "auth", NS_SASL);
    xml_put_attr(&w, "mechanism", GW_STR("EXTERNAL"));
    xml_put_text(&w, gw_buf_str(&text));
    xml_close(&w);
    xmpp_s2s_end(s);
    gw_buf_done(&text);
    xmpp_s2s_enter(s, S2S_SASL);
}

static void send_key(struct xmpp_s2s *s)
{
    char key[XMPP_DIALBACK_KEY_MAX];
    struct xml_writer w;

    xmpp_dialback_key(xmpp_fed_secret(s->fed), gw_str_of(s->remote), gw_str_of(s->local),
                      gw_str_of(s->stream_id), key);
    xmpp_s2s_begin(s, &w);
    xml_open(&w, "db:result");
    xml_put_attr(&w, "from", gw_str_of(s->local));
    xml_put_attr(&w, "to", gw_str_of(s->remote));
    xml_put_text(&w, gw_str_of(key));
    xml_close(&w);
    xmpp_s2s_end(s);
    xmpp_s2s_enter(s, S2S_DIALBACK);
}

/* In READY: what waits decides whether we have to prove ourselves at all. */
void xmpp_s2s_out_proceed(struct xmpp_s2s *s)
{
    const struct xmpp_fed_settings *set = s->fed->settings;

    const struct xmpp_link *l = s->for_link;

    if (s->state != S2S_READY || !l || (!l->letter_count && !l->sent_count))
        return;
    if (s->has_external && set->sasl_out && s->is_tls && !s->sasl_failed)
        send_auth(s);
    else if (set->dialback_out)
        send_key(s);
    else
        xmpp_s2s_close(s, GW_DENIED,
                       s->sasl_failed ? "the server does not accept our certificate, and "
                                        "federation.dialback_out is off"
                                      : "the server does not ask for our certificate, and "
                                        "federation.dialback_out is off");
}

static void ready(struct xmpp_s2s *s)
{
    xmpp_s2s_enter(s, S2S_READY);
    if (s->for_link)
        xmpp_link_send_verifies(s->for_link);
    xmpp_s2s_out_proceed(s);
}

/* ---- Features ---- */

static bool offers_external(const struct xml_node *features)
{
    const struct xml_node *m =
        xml_child(xml_child(features, NS_SASL, "mechanisms"), NS_SASL, "mechanism");

    for (; m; m = xml_next_same(m)) {
        if (gw_str_is(xml_text(m), "EXTERNAL"))
            return true;
    }
    return false;
}

static bool wants_tls(const struct xmpp_s2s *s)
{
    return !s->is_tls && !s->no_tls && s->can_tls && s->fed->settings->tls != XMPP_FED_NO_TLS;
}

static bool passes(struct xmpp_s2s *s, bool has_starttls)
{
    struct gw_err why;

    if (!s->is_tls && s->fed->settings->tls == XMPP_FED_TLS_REQUIRED) {
        xmpp_s2s_close(s, GW_DENIED,
                       has_starttls ? "this node has no certificate for TLS, which is required "
                                      "(federation.tls)"
                                    : "the server offers no TLS, which is required "
                                      "(federation.tls)");
        return false;
    }
    if (!xmpp_s2s_is_certified(s, gw_str_of(s->remote), &why)) {
        s->fed->counters.refused++;
        xmpp_s2s_close(s, GW_DENIED, why.msg);
        return false;
    }
    return true;
}

static void on_features(struct xmpp_s2s *s, const struct xml_node *node)
{
    bool has_starttls = xml_child(node, NS_TLS, "starttls") != NULL;
    struct xml_writer w;

    if (s->state != S2S_FEATURES)
        return;
    if (has_starttls && wants_tls(s)) {
        xmpp_s2s_begin(s, &w);
        xmpp_open_ns(&w, "starttls", NS_TLS);
        xml_close(&w);
        xmpp_s2s_end(s);
        xmpp_s2s_enter(s, S2S_ASKED_TLS);
        return;
    }
    if (!passes(s, has_starttls))
        return;
    s->offers_sm = xml_child(node, NS_SM, "sm") != NULL;
    if (s->is_restarted) {
        xmpp_s2s_proved(s, "certificate");
        xmpp_sm_begin(s);
        return;
    }
    s->has_external = offers_external(node);
    ready(s);
}

void xmpp_s2s_out_header(struct xmpp_s2s *s, const struct xml_node *root)
{
    if (!xml_is(root, NS_STREAM, "stream")) {
        xmpp_s2s_error(s, GW_BADMSG, "invalid-namespace", "not a stream of " NS_STREAM);
        return;
    }
    free(s->stream_id);
    s->stream_id = gw_str_dup(xml_attr(root, "id"));
    xmpp_s2s_enter(s, S2S_FEATURES);
    if (!gw_str_starts(xml_attr(root, "version"), "1.") && passes(s, false))
        ready(s); /* before RFC 3920 there were no features */
}

static void on_proceed(struct xmpp_s2s *s, const struct xml_node *node)
{
    (void)node;
    if (s->state != S2S_ASKED_TLS) {
        xmpp_s2s_error(s, GW_BADMSG, "bad-format", "TLS was not asked for");
        return;
    }
    xmpp_s2s_restart(s);
    xmpp_s2s_enter(s, S2S_TLS);
    s->io->start_tls(s->io_ctx);
}

/* ---- Answers ---- */

static void on_success(struct xmpp_s2s *s, const struct xml_node *node)
{
    (void)node;
    if (s->state != S2S_SASL)
        return;
    s->is_restarted = true;
    xmpp_s2s_restart(s);
    xmpp_s2s_enter(s, S2S_HELLO);
    xmpp_s2s_send_header(s);
}

static void on_failure(struct xmpp_s2s *s, const struct xml_node *node)
{
    if (gw_str_is(node->ns, NS_TLS)) {
        if (s->for_link && s->fed->settings->tls == XMPP_FED_TLS_OPTIONAL)
            s->for_link->no_tls = true;
        xmpp_s2s_close(s, GW_DENIED, "the server offered TLS and then refused it");
        return;
    }
    if (s->state != S2S_SASL)
        return;
    s->sasl_failed = true;
    xmpp_s2s_enter(s, S2S_READY);
    xmpp_s2s_out_proceed(s);
}

/* The answer is about this stream's own domains. */
static bool is_about_us(const struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xmpp_jid from, to;

    return !xmpp_jid_parse(xml_attr(node, "from"), &from, NULL) &&
           !xmpp_jid_parse(xml_attr(node, "to"), &to, NULL) && gw_str_is(from.full, s->remote) &&
           gw_str_is(to.full, s->local);
}

static void on_result(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct gw_str type = xml_attr(node, "type");
    const struct xml_node *error = xml_child(node, NULL, "error");
    char text[200] = "the server does not believe our dialback key: can it reach us?";

    if (s->state != S2S_DIALBACK || !is_about_us(s, node))
        return;
    if (gw_str_is(type, "valid")) {
        xmpp_s2s_proved(s, "dialback");
        xmpp_sm_begin(s);
        return;
    }
    if (error && error->child) {
        struct gw_str words = xml_child_text(error, NS_STANZAS, "text");
        char quoted[GW_QUOTE_MAX];

        (void)snprintf(text, sizeof(text), "the server refuses us: %.*s %s",
                       GW_STR_ARG(gw_str_utf8_cut(error->child->name, 40)),
                       words.len ? gw_quote(gw_str_utf8_cut(words, 100), quoted) : "");
    }
    xmpp_s2s_close(s, GW_DENIED, text);
}

static void on_verify(struct xmpp_s2s *s, const struct xml_node *node)
{
    if (s->for_link && is_about_us(s, node))
        xmpp_link_verified(s->for_link, xml_attr(node, "id"),
                           gw_str_is(xml_attr(node, "type"), "valid"));
}

static void on_error(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct gw_str condition = GW_STR("error"), words = xml_child_text(node, NS_STREAMS, "text");
    char text[200], quoted[GW_QUOTE_MAX];

    for (const struct xml_node *n = node->child; n; n = n->next) {
        if (gw_str_is(n->ns, NS_STREAMS) && !gw_str_is(n->name, "text")) {
            condition = n->name;
            break;
        }
    }
    (void)snprintf(text, sizeof(text), "the server ended the stream: %.*s %s",
                   GW_STR_ARG(gw_str_utf8_cut(condition, 40)),
                   words.len ? gw_quote(gw_str_utf8_cut(words, 100), quoted) : "");
    xmpp_s2s_close(s, GW_UNREACHABLE, text);
}

static const struct {
    const char *ns, *name;
    void (*handle)(struct xmpp_s2s *s, const struct xml_node *node);
} steps[] = {
    { NS_STREAM, "features", on_features }, { NS_STREAM, "error", on_error },
    { NS_TLS, "proceed", on_proceed },      { NS_TLS, "failure", on_failure },
    { NS_SASL, "success", on_success },     { NS_SASL, "failure", on_failure },
    { NS_DIALBACK, "result", on_result },   { NS_DIALBACK, "verify", on_verify },
};

void xmpp_s2s_out_stanza(struct xmpp_s2s *s, const struct xml_node *node)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (xml_is(node, steps[i].ns, steps[i].name)) {
            steps[i].handle(s, node);
            return;
        }
    }
    if (gw_str_is(node->ns, NS_SM)) {
        xmpp_sm_out(s, node);
        return;
    }
    /* RFC 6120 4.5: nothing is said to us on this one; least of all by one who proved nothing. */
    xmpp_s2s_error(s, GW_BADMSG, "unsupported-stanza-type", NULL);
}
