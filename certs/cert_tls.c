/* Contexts live long, settings change: what is set now is put into each connection when its handshake
 * begins. */
#include "cert_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_log.h"

enum { CIPHERS_MAX = 2000 };

static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3", NULL };
static const int version_of[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION };

static const char *const off_on[] = { "off", "on", NULL };
static const char *const demands[] = { "off", "check", "require", NULL };

#define CONTEXT(purpose, word, shown)                                                              \
    { .key = "tls." word "_min_version",                                                           \
      .shown_as = "TLS, " shown ": Oldest Version",                                                \
      .help = "older ones than 1.2 have known weaknesses",                                         \
      .type = GW_PARAM_CHOICE,                                                                     \
      .offset = offsetof(struct cert_settings, tls[purpose].min_version),                          \
      .def = "1.2",                                                                                \
      .choices = versions },                                                                       \
    {                                                                                              \
        .key = "tls." word "_ciphers", .shown_as = "TLS, " shown ": Ciphers",                      \
        .help = "OpenSSL's names with ':' between, those of TLS 1.3 begin with TLS_; empty: its "  \
                "default",                                                                         \
        .type = GW_PARAM_TEXT, .offset = offsetof(struct cert_settings, tls[purpose].ciphers),     \
        .min = 0, .max = CIPHERS_MAX, .def = ""                                                    \
    }

#define CRL(purpose, word, shown)                                                                  \
    {                                                                                              \
        .key = "tls." word "_crl", .shown_as = "TLS, " shown ": Revocation Lists",                 \
        .help = "check refuses certificates that are on a list that was added ('cert crl add'), "  \
                "require also those of authorities without a list that is in date",                \
        .type = GW_PARAM_CHOICE, .offset = offsetof(struct cert_settings, tls[purpose].crl),       \
        .def = "off", .choices = demands                                                           \
    }

const struct gw_param cert_params[] = {
    CONTEXT(CERT_FOR_EXCHANGE, "exchange", "Exchange"),
    CONTEXT(CERT_FOR_SIP, "sip", "SIP Servers (Peer Auth)"),
    CONTEXT(CERT_FOR_SIP_CLIENT, "sip_client", "SIP Clients (Server Auth)"),
    CONTEXT(CERT_FOR_XMPP_SERVER, "xmpp_server", "XMPP Servers"),
    CONTEXT(CERT_FOR_XMPP_CLIENT, "xmpp_client", "XMPP Clients"),
    CONTEXT(CERT_FOR_PUSH, "push", "Exchange Notifications"),
    CONTEXT(CERT_FOR_API, "api", "API"),
    CRL(CERT_FOR_EXCHANGE, "exchange", "Exchange"),
    CRL(CERT_FOR_SIP, "sip", "SIP Servers (Peer Auth)"),
    CRL(CERT_FOR_XMPP_SERVER, "xmpp_server", "XMPP Servers"),
    CRL(CERT_FOR_API, "api", "API"),
    CRL(CERT_FOR_XMPP_CLIENT, "xmpp_client", "XMPP Clients"),
    { .key = "tls.ocsp_stapling",
      .shown_as = "TLS: OCSP Stapling",
      .help = "of servers that we connect to: check refuses a certificate that its stapled OCSP "
              "response "
              "calls revoked, require also one without a response",
      .type = GW_PARAM_CHOICE,
      .offset = offsetof(struct cert_settings, stapling),
      .def = "off",
      .choices = demands },
    { .key = "tls.session_tickets",
      .shown_as = "TLS: Session Tickets",
      .help = "clients that come again resume their session; never where they show a certificate",
      .type = GW_PARAM_CHOICE,
      .offset = offsetof(struct cert_settings, tickets),
      .def = "on",
      .choices = off_on },
};
const size_t cert_param_count = sizeof(cert_params) / sizeof(cert_params[0]);

/* --- cipher lists: OpenSSL keeps those of TLS 1.3 apart */

static bool is_suite(struct gw_str cipher)
{
    return gw_str_starts(cipher, "TLS_");
}

/* The part of the list that is of TLS 1.3, or the other; empty when there is none. */
static void part_of(const char *list, bool suites, struct gw_buf *out)
{
    struct gw_str cipher, rest = gw_str_of(list);
    bool more = true;

    while (more && rest.len) {
        more = gw_str_cut(rest, ":", &cipher, &rest);
        if (!more)
            cipher = rest;
        if (cipher.len && is_suite(cipher) == suites)
            gw_buf_addf(out, "%s%.*s", out->len ? ":" : "", GW_STR_ARG(cipher));
    }
}

/* Without certificates, or without encryption, is nobody's choice: nothing would be verified. */
#define NEVER ":!aNULL:!eNULL"

static bool ciphers_set(SSL *ssl, const char *list)
{
    struct gw_buf old, suites;
    bool ok;

    gw_buf_init(&old, CIPHERS_MAX + sizeof(NEVER));
    gw_buf_init(&suites, CIPHERS_MAX + 1);
    part_of(list, false, &old);
    part_of(list, true, &suites);
    if (old.len)
        gw_buf_add_cstr(&old, NEVER);
    ok = (!old.len || SSL_set_cipher_list(ssl, old.p) == 1) &&
         (!suites.len || SSL_set_ciphersuites(ssl, suites.p) == 1);
    gw_buf_done(&old);
    gw_buf_done(&suites);
    return ok;
}

/* A word that OpenSSL does not know is overlooked by it when there are others. */
static enum gw_code cipher_check(SSL *ssl, struct gw_str cipher, struct gw_err *err)
{
    char word[CIPHERS_MAX + 1], quoted[GW_QUOTE_MAX];
    bool ok;

    memcpy(word, cipher.len ? cipher.p : "", cipher.len);
    word[cipher.len] = '\0';
    ok = !word[strcspn(word, " ,;")]; /* OpenSSL's other separators */
    if (ok && *word && !strchr("!-+@", *word))
        ok = ciphers_set(ssl, word);
    ERR_clear_error();
    return ok ? GW_OK
              : gw_fail(
                    err, GW_INVALID,
                    "OpenSSL knows no cipher %s, or has it no longer ('openssl ciphers -s -tls1_2' "
                    "lists those it has)",
                    gw_quote(cipher, quoted));
}

static enum gw_code list_check(SSL *ssl, const char *list, struct gw_err *err)
{
    struct gw_str cipher, rest = gw_str_of(list);
    enum gw_code code = GW_OK;
    bool more = true;

    while (!code && more) {
        more = gw_str_cut(rest, ":", &cipher, &rest);
        code = cipher_check(ssl, more ? cipher : rest, err);
    }
    if (!code && !ciphers_set(ssl, list)) /* all of them were taken out again */
        code = gw_fail(err, GW_INVALID, "no cipher is left by '%.100s'", list);
    ERR_clear_error();
    return code;
}

enum gw_code cert_settings_check(const struct cert_settings *settings, struct gw_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    enum gw_code code = ssl ? GW_OK : gw_fail(err, GW_INTERNAL, "no TLS context");

    for (size_t i = 0; !code && i < CERT_PURPOSES; i++)
        code = list_check(ssl, settings->tls[i].ciphers, err);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return code;
}

void cert_store_settings_set(struct cert_store *s, const struct cert_settings *settings)
{
    s->settings = settings;
}

/* --- a connection */

/* OpenSSL 3 speaks TLS 1.0 and 1.1 at security level 0 only. That is for the connection; certificates are
 * measured by cert_verify() as ever. */
static void settings_put(SSL *ssl, const struct cert_tls *tls)
{
    (void)SSL_set_min_proto_version(ssl, version_of[tls->min_version]);
    if (version_of[tls->min_version] < TLS1_2_VERSION)
        SSL_set_security_level(ssl, 0);
    if (*tls->ciphers && !ciphers_set(ssl, tls->ciphers))
        gw_error("cert", "ciphers cannot be set, OpenSSL's are used");
    ERR_clear_error();
}

enum cert_purpose cert_tls_purpose(enum cert_purpose purpose)
{
    return purpose == CERT_FOR_XMPP_LOGIN ? CERT_FOR_XMPP_CLIENT : purpose;
}

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int source_slot; /* of an SSL_CTX */

static void take_slot(void)
{
    source_slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* Both, since one is of TLS 1.2 and the other of 1.3. A context that has none gets none by this. */
static void tickets_refuse(SSL *ssl)
{
    (void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
    (void)SSL_set_num_tickets(ssl, 0);
}

static void on_info(const SSL *ssl, int where, int ret)
{
    const struct cert_tls_source *source;
    SSL *own = (SSL *)ssl;

    (void)ret;
    if (!(where & SSL_CB_HANDSHAKE_START))
        return;
    source = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), source_slot);
    if (source->store->settings) {
        settings_put(own, &source->store->settings->tls[cert_tls_purpose(source->purpose)]);
        if (SSL_is_server(ssl) && !source->store->settings->tickets)
            tickets_refuse(own);
        if (!SSL_is_server(ssl) && source->store->settings->stapling != CERT_STAPLING_OFF)
            (void)SSL_set_tlsext_status_type(own, TLSEXT_STATUSTYPE_ocsp);
    }
    if (source->start)
        source->start(own, source->ctx);
}

/* Comes to clients when the certificate has passed; of a server it is asked what to staple: nothing. */
static int on_status(SSL *ssl, void *arg)
{
    const struct cert_tls_source *source = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), source_slot);
    struct cert_result *result;
    char subject[CERT_NAME_TEXT_MAX];
    const char *problem;
    struct gw_err why;

    (void)arg;
    if (SSL_is_server(ssl))
        return SSL_TLSEXT_ERR_NOACK;
    result = source->result ? source->result(ssl, source->ctx) : NULL;
    if (!result || result->verdict != CERT_VERIFIED || SSL_session_reused(ssl))
        return 1;
    problem = cert_staple_problem(ssl, source->store->settings->stapling == CERT_STAPLING_REQUIRE);
    if (!problem)
        return 1;
    cert_name_text(X509_get_subject_name(sk_X509_value(SSL_get0_verified_chain(ssl), 0)), subject);
    gw_fail(&why, GW_DENIED, "certificate '%s' %s", subject, problem);
    result->verdict = CERT_BAD;
    memcpy(result->text, why.msg, sizeof(result->text));
    if (source->lenient)
        return 1;
    net_tls_explain_ssl(ssl, why.msg);
    return 0;
}

void cert_tls_follow(SSL_CTX *ctx, struct cert_tls_source *source)
{
    (void)pthread_once(&slot_once, take_slot);
    (void)SSL_CTX_set_ex_data(ctx, source_slot, source);
    SSL_CTX_set_info_callback(ctx, on_info);
    (void)SSL_CTX_set_tlsext_status_cb(ctx, on_status);
}
