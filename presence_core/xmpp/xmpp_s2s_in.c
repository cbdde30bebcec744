/* Connections that other servers open to us: what they are offered, how they prove their domain, and
 * that nothing is heard before. */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "xmpp_dialback.h"
#include "xmpp_fed_priv.h"

static bool is_version_1(struct gw_str version)
{
    return gw_str_starts(version, "1.");
}

/* A domain as it is written by a peer; NULL: it is none. */
static char *domain_of(struct gw_str text)
{
    struct gw_buf b;
    char *domain = NULL;

    gw_buf_init(&b, XMPP_JID_PART_MAX);
    if (xmpp_domain_write(text, &b) && !b.failed)
        domain = gw_buf_take(&b);
    gw_buf_done(&b);
    return domain;
}

static bool is_clear_enough(const struct xmpp_s2s *s)
{
    return s->is_tls || s->fed->settings->tls != XMPP_FED_TLS_REQUIRED;
}

/* Why this domain's server may not even prove itself, by rule or by certificate: RFC 6120's
 * condition; NULL: it may. */
static const char *refusal(const struct xmpp_s2s *s, struct gw_str domain, struct gw_err *why)
{
    if (pres_domain_is_ours(s->fed->host->core, domain)) {
        (void)gw_fail(why, GW_DENIED, "the domain is served here");
        return "policy-violation";
    }
    if (!xmpp_fed_allows(s->fed, domain, XMPP_IN, why))
        return "policy-violation";
    if (!xmpp_s2s_is_certified(s, domain, why))
        return "not-authorized";
    return NULL;
}

static bool offers_external(const struct xmpp_s2s *s)
{
    struct gw_err why;

    return s->is_tls && s->fed->settings->sasl_in && s->remote && !s->how &&
           !s->io->proves(gw_str_of(s->remote), &why, s->io_ctx);
}

static void send_features(struct xmpp_s2s *s)
{
    const struct xmpp_fed_settings *set = s->fed->settings;
    struct xml_writer w;

    xmpp_s2s_begin(s, &w);
    xml_open(&w, "stream:features");
    if (!s->is_tls && s->can_tls && set->tls != XMPP_FED_NO_TLS) {
        xmpp_open_ns(&w, "starttls", NS_TLS);
        if (set->tls == XMPP_FED_TLS_REQUIRED)
            xml_put(&w, "required", GW_STR(""));
        xml_close(&w);
    }
    if (is_clear_enough(s)) {
        s->has_external = offers_external(s);
        if (s->has_external) {
            xmpp_open_ns(&w, "mechanisms", NS_SASL);
            xml_put(&w, "mechanism", GW_STR("EXTERNAL"));
            xml_close(&w);
        }
        if (set->dialback_in) {
            xmpp_open_ns(&w, "dialback", NS_DIALBACK_FEATURES);
            xml_put(&w, "errors", GW_STR(""));
            xml_close(&w);
        }
        if (s->how || set->dialback_in) { /* after which there are no other features */
            xmpp_open_ns(&w, "sm", NS_SM);
            xml_close(&w);
        }
    }
    xml_close(&w);
    xmpp_s2s_end(s);
}

void xmpp_s2s_in_header(struct xmpp_s2s *s, const struct xml_node *root)
{
    char *from = domain_of(xml_attr(root, "from")), *to = domain_of(xml_attr(root, "to"));
    const char *condition;
    struct gw_err why;

    gw_random_hex(s->id, 16);
    if (s->how && s->remote && (!from || strcmp(from, s->remote))) {
        free(from); /* who has proved himself keeps his name */
        from = gw_str_dup(gw_str_of(s->remote));
    }
    free(s->remote);
    s->remote = from;
    free(s->local);
    s->local = to;
    if (!xml_is(root, NS_STREAM, "stream")) {
        xmpp_s2s_error(s, GW_BADMSG, "invalid-namespace", "not a stream of " NS_STREAM);
        return;
    }
    if (to && !pres_domain_is_ours(s->fed->host->core, gw_str_of(to))) {
        xmpp_s2s_error(s, GW_NOTFOUND, "host-unknown", "the domain in 'to' is not served here");
        return;
    }
    condition = from && !s->how ? refusal(s, gw_str_of(from), &why) : NULL;
    if (condition) {
        s->fed->counters.refused++;
        xmpp_s2s_error(s, GW_DENIED, condition, why.msg);
        return;
    }
    xmpp_s2s_send_header(s);
    if (is_version_1(xml_attr(root, "version")))
        send_features(s);
    xmpp_s2s_enter(s, s->how ? S2S_OPEN : S2S_READY);
}

/* ---- Pairs ---- */

static struct xmpp_pair *pair_find(const struct xmpp_s2s *s, struct gw_str from, struct gw_str to)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->pairs, it, tmp)
    {
        struct xmpp_pair *p = GW_CONTAINER(it, struct xmpp_pair, link);

        if (gw_str_is(from, p->from) && gw_str_is(to, p->to))
            return p;
    }
    return NULL;
}

static struct xmpp_pair *pair_add(struct xmpp_s2s *s, const char *from, const char *to)
{
    struct xmpp_pair *p = gw_new(struct xmpp_pair);

    p->from = gw_str_dup(gw_str_of(from));
    p->to = gw_str_dup(gw_str_of(to));
    gw_list_append(&s->pairs, &p->link);
    s->pair_count++;
    return p;
}

static void pair_drop(struct xmpp_s2s *s, struct xmpp_pair *p)
{
    gw_list_remove(&p->link);
    s->pair_count--;
    free(p->from);
    free(p->to);
    free(p);
}

/* Who came with a certificate may speak to all of us; who came by dialback to whom he named. */
bool xmpp_s2s_in_may_speak(const struct xmpp_s2s *s, struct gw_str from, struct gw_str to)
{
    const struct xmpp_host *host = s->fed->host;
    const struct xmpp_pair *p = pair_find(s, from, to);

    if (pres_route_front(host->core, from) != host->front)
        return false; /* it became ours, or another protocol's, since */
    if (p && p->is_valid)
        return true;
    p = pair_find(s, from, GW_STR("*"));
    return p && pres_domain_is_ours(host->core, to);
}

/* ---- STARTTLS and SASL ---- */

/* What is being asked belongs to the stream that ends here, and proves nothing on the next. */
static void new_stream(struct xmpp_s2s *s)
{
    struct gw_list *it, *tmp;

    xmpp_link_forget(s->fed, s);
    GW_LIST_EACH(&s->pairs, it, tmp)
    {
        struct xmpp_pair *p = GW_CONTAINER(it, struct xmpp_pair, link);

        if (!p->is_valid)
            pair_drop(s, p);
    }
    xmpp_s2s_restart(s);
}

static void on_starttls(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xml_writer w;

    (void)node;
    if (s->is_tls || s->how || !s->can_tls || s->fed->settings->tls == XMPP_FED_NO_TLS) {
        xmpp_s2s_error(s, GW_BADMSG, "policy-violation", "TLS was not offered");
        return;
    }
    xmpp_s2s_begin(s, &w);
    xmpp_open_ns(&w, "proceed", NS_TLS);
    xml_close(&w);
    xmpp_s2s_end(s);
    new_stream(s);
    xmpp_s2s_enter(s, S2S_TLS);
    s->io->start_tls(s->io_ctx);
}

static void send_failure(struct xmpp_s2s *s, const char *condition)
{
    struct xml_writer w;

    xmpp_s2s_begin(s, &w);
    xmpp_open_ns(&w, "failure", NS_SASL);
    xml_put(&w, condition, GW_STR(""));
    xml_close(&w);
    xmpp_s2s_end(s);
    s->fed->counters.refused++;
}

/* RFC 6120 13.7.2 and XEP-0178 3: the identity is the domain of the header, or the same named. */
static bool is_own_identity(const struct xmpp_s2s *s, struct gw_str text)
{
    struct gw_buf raw;
    char *domain = NULL;
    bool is_own;

    text = gw_str_trim(text);
    if (!text.len || gw_str_is(text, "="))
        return true;
    gw_buf_init(&raw, XMPP_S2S_EARLY_MAX);
    if (gw_base64_parse(text, &raw))
        domain = domain_of(gw_buf_str(&raw));
    is_own = domain && !strcmp(domain, s->remote);
    free(domain);
    gw_buf_done(&raw);
    return is_own;
}

static void on_auth(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct xml_writer w;

    if (!s->has_external || s->how) {
        send_failure(s, "invalid-mechanism");
        return;
    }
    if (!gw_str_is(xml_attr(node, "mechanism"), "EXTERNAL")) {
        send_failure(s, "invalid-mechanism");
        return;
    }
    if (!is_own_identity(s, node->text)) {
        send_failure(s, "invalid-authzid");
        return;
    }
    xmpp_s2s_begin(s, &w);
    xmpp_open_ns(&w, "success", NS_SASL);
    xml_close(&w);
    xmpp_s2s_end(s);
    pair_add(s, s->remote, "*")->is_valid = true;
    xmpp_s2s_proved(s, "certificate");
    new_stream(s);
    xmpp_s2s_enter(s, S2S_HELLO);
}

/* ---- Dialback, as the receiving and as the authoritative server ---- */

struct dialback {
    char *from, *to; /* theirs, ours */
};

static void begin_answer(struct xmpp_s2s *s, const char *name, const struct dialback *d,
                         const char *type, struct xml_writer *w)
{
    xmpp_s2s_begin(s, w);
    xml_open(w, name);
    xml_put_attr(w, "from", gw_str_of(d->to));
    xml_put_attr(w, "to", gw_str_of(d->from));
    xml_put_attr(w, "type", gw_str_of(type));
}

static void answer_error(struct xmpp_s2s *s, const struct dialback *d, const char *condition,
                         const char *text)
{
    char quoted[GW_QUOTE_MAX];
    struct xml_writer w;

    gw_info("federation", "s=%s refused peer=%s domain=%s reason=\"%s\"", s->log_id, s->peer,
            gw_quote(gw_str_of(d->from), quoted), text);
    s->fed->counters.refused++;
    begin_answer(s, "db:result", d, "error", &w);
    xml_open(&w, "error");
    xml_put_attr(&w, "type", GW_STR("cancel"));
    xmpp_open_ns(&w, condition, NS_STANZAS);
    xml_close(&w);
    xmpp_open_ns(&w, "text", NS_STANZAS);
    xml_put_text(&w, gw_str_of(text));
    xml_close(&w);
    xml_close(&w);
    xml_close(&w);
    xmpp_s2s_end(s);
}

static void ask_authority(struct xmpp_s2s *s, const struct dialback *d, struct gw_str key)
{
    struct xmpp_pair *pair = pair_find(s, gw_str_of(d->from), gw_str_of(d->to));
    struct xmpp_link *link;
    struct gw_err why;

    if (!is_clear_enough(s) || !s->fed->settings->dialback_in) {
        answer_error(s, d, "policy-violation",
                     is_clear_enough(s) ? "dialback is not accepted here" : "TLS comes first");
        return;
    }
    if (key.len > XMPP_THEIR_KEY_MAX) {
        answer_error(s, d, "not-acceptable", "the key is too long");
        return;
    }
    if (!pres_domain_is_ours(s->fed->host->core, gw_str_of(d->to))) {
        answer_error(s, d, "item-not-found", "the domain in 'to' is not served here");
        return;
    }
    if (refusal(s, gw_str_of(d->from), &why)) {
        answer_error(s, d, "not-allowed", why.msg);
        return;
    }
    if (pair && !pair->is_valid)
        return; /* is being asked already */
    link = xmpp_link_get(s->fed, gw_str_of(d->to), gw_str_of(d->from));
    if (!link || (!pair && s->pair_count == XMPP_PAIRS_MAX)) {
        answer_error(s, d, "resource-constraint", "too many domains");
        return;
    }
    if (!pair)
        pair = pair_add(s, d->from, d->to);
    pair->is_valid = false;
    if (!xmpp_link_verify(link, s, key)) {
        pair_drop(s, pair);
        answer_error(s, d, "resource-constraint", "too many connections are being made: later");
    }
}

/* Not from inside the connection's own reading only: the answer comes on another one. */
void xmpp_s2s_in_verified(struct xmpp_s2s *s, struct gw_str from, struct gw_str to, bool is_valid,
                          const struct gw_err *why)
{
    struct xmpp_pair *pair = pair_find(s, from, to);
    struct xml_writer w;
    struct dialback d;

    if (!pair || pair->is_valid || s->state == S2S_CLOSED)
        return;
    d = (struct dialback){ pair->from, pair->to };
    if (is_valid) {
        pair->is_valid = true;
        begin_answer(s, "db:result", &d, "valid", &w);
        xml_close(&w);
        xmpp_s2s_end(s);
        if (!s->remote)
            s->remote = gw_str_dup(from);
        if (!s->local)
            s->local = gw_str_dup(to);
        xmpp_s2s_proved(s, s->how ? s->how : "dialback");
        s->io->wake(s->io_ctx);
        return;
    }
    if (why) {
        answer_error(s, &d, "remote-server-timeout", why->msg);
    } else {
        s->fed->counters.refused++;
        begin_answer(s, "db:result", &d, "invalid", &w);
        xml_close(&w);
        xmpp_s2s_end(s);
    }
    pair_drop(s, pair);
    /* XEP-0220 2.1.2: the stream of one who lied is not kept, unless others speak on it. */
    if (!why && !s->how) {
        xmpp_s2s_close(s, GW_DENIED, "the domain's own server does not know its key");
        s->io->wake(s->io_ctx);
    }
}

/* Somebody asks whether a key that he was shown in our name is ours: the answer needs no memory. */
static void confirm(struct xmpp_s2s *s, const struct dialback *d, const struct xml_node *node)
{
    struct gw_str id = xml_attr(node, "id");
    struct xml_writer w;
    bool is_ours;

    if (!is_clear_enough(s)) {
        xmpp_s2s_error(s, GW_BADMSG, "policy-violation", "TLS comes first");
        return;
    }
    is_ours = id.len && pres_domain_is_ours(s->fed->host->core, gw_str_of(d->to)) &&
              xmpp_dialback_is_ours(gw_str_trim(node->text), xmpp_fed_secret(s->fed),
                                    gw_str_of(d->from), gw_str_of(d->to), id);
    begin_answer(s, "db:verify", d, is_ours ? "valid" : "invalid", &w);
    xml_put_attr(&w, "id", id);
    xml_close(&w);
    xmpp_s2s_end(s);
}

static void on_dialback(struct xmpp_s2s *s, const struct xml_node *node)
{
    struct dialback d = { domain_of(xml_attr(node, "from")), domain_of(xml_attr(node, "to")) };

    if (!d.from || !d.to)
        xmpp_s2s_error(s, GW_BADMSG, "improper-addressing", NULL);
    else if (xml_attr(node, "type").p)
        xmpp_s2s_error(s, GW_BADMSG, "bad-format", "an answer to nothing");
    else if (gw_str_is(node->name, "result"))
        ask_authority(s, &d, gw_str_trim(node->text));
    else
        confirm(s, &d, node);
    free(d.from);
    free(d.to);
}

static void on_error(struct xmpp_s2s *s, const struct xml_node *node)
{
    (void)node;
    xmpp_s2s_close(s, GW_UNREACHABLE, "the peer ended the stream with an error");
}

/* ---- What may come ---- */

static const struct {
    const char *ns, *name;
    void (*handle)(struct xmpp_s2s *s, const struct xml_node *node);
} steps[] = {
    { NS_TLS, "starttls", on_starttls },     { NS_SASL, "auth", on_auth },
    { NS_DIALBACK, "result", on_dialback },  { NS_DIALBACK, "verify", on_dialback },
    { NS_SM, "enable", xmpp_on_s2s_enable }, { NS_SM, "resume", xmpp_on_s2s_resume },
    { NS_SM, "r", xmpp_on_s2s_asked },       { NS_STREAM, "error", on_error },
};

void xmpp_s2s_in_stanza(struct xmpp_s2s *s, const struct xml_node *node)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (xml_is(node, steps[i].ns, steps[i].name)) {
            steps[i].handle(s, node);
            return;
        }
    }
    if (!gw_str_is(node->ns, NS_SERVER))
        xmpp_s2s_error(s, GW_BADMSG, "unsupported-stanza-type", NULL);
    else if (!s->how)
        xmpp_s2s_error(s, GW_DENIED, "not-authorized", "no domain was proved on this stream");
    else
        xmpp_abroad_stanza(s, node);
    xmpp_sm_count_in(s);
}
