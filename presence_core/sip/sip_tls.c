#include "sip_tls.h"

#include <stdlib.h>

#include "gw_mem.h"
#include "sip_access.h"

static const struct {
    const char *name;
    enum net_tls_role role;
    enum cert_purpose purpose;
    enum cert_demand demand;
} contexts[SIP_TLS_CONTEXTS] = {
    [SIP_TLS_SERVER_AUTH] = { "server-auth", NET_TLS_SERVER, CERT_FOR_SIP_CLIENT, CERT_NOT_ASKED },
    [SIP_TLS_PEER_AUTH] = { "peer-auth", NET_TLS_SERVER, CERT_FOR_SIP, CERT_REQUIRED },
    [SIP_TLS_OUT] = { "out", NET_TLS_CLIENT, CERT_FOR_SIP, CERT_REQUIRED },
};

struct sip_tls {
    const struct sip_settings *settings;
    struct cert_peer *peer[SIP_TLS_CONTEXTS];
    struct net_tls *tls[SIP_TLS_CONTEXTS];
};

static enum gw_code context_open(struct sip_tls *tls, enum sip_tls_context which,
                                 struct cert_store *certs, struct cert_identity *identity,
                                 struct gw_err *err)
{
    const struct cert_peer_args args = { .store = certs,
                                         .purpose = contexts[which].purpose,
                                         .identity = identity,
                                         .demand = contexts[which].demand };
    enum gw_code rc = cert_peer_new(&args, &tls->peer[which], err);
    struct net_tls_policy policy;

    if (rc)
        return rc;
    policy = cert_peer_policy(tls->peer[which]);
    return net_tls_new(contexts[which].role, &policy, &tls->tls[which], err);
}

enum gw_code sip_tls_new(struct cert_store *certs, struct cert_identity *identity,
                         const struct sip_settings *settings, struct sip_tls **out,
                         struct gw_err *err)
{
    struct sip_tls *tls = gw_new(struct sip_tls);
    enum gw_code rc = GW_OK;

    tls->settings = settings;
    for (int i = 0; !rc && i < SIP_TLS_CONTEXTS; i++)
        rc = context_open(tls, (enum sip_tls_context)i, certs, identity, err);
    if (rc)
        sip_tls_free(&tls);
    else
        *out = tls;
    return rc;
}

void sip_tls_free(struct sip_tls **tlsp)
{
    struct sip_tls *tls = *tlsp;

    if (!tls)
        return;
    *tlsp = NULL;
    for (int i = 0; i < SIP_TLS_CONTEXTS; i++) {
        net_tls_unref(&tls->tls[i]);
        cert_peer_free(&tls->peer[i]);
    }
    free(tls);
}

const char *sip_tls_context_name(enum sip_tls_context which)
{
    return contexts[which].name;
}

struct net_tls *sip_tls_context(const struct sip_tls *tls, enum sip_tls_context which)
{
    return tls->tls[which];
}

/* Which of the names it is, of which it is one. */
static void subject_find(const struct ssl_st *ssl, const struct gw_str *name, size_t count,
                         char subject[SIP_SUBJECT_MAX + 1])
{
    struct gw_err err;
    size_t i = 0;

    while (i + 1 < count && cert_peer_check(ssl, &name[i], 1, &err))
        i++;
    for (size_t at = 0; at < name[i].len && at < SIP_SUBJECT_MAX; at++) {
        char c = name[i].p[at];

        subject[at] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        subject[at + 1] = '\0';
    }
}

enum gw_code sip_tls_admit(const struct sip_tls *tls, enum sip_tls_context which,
                           const struct ssl_st *ssl, struct gw_str asked,
                           char subject[SIP_SUBJECT_MAX + 1], struct gw_err *err)
{
    struct gw_str name[SIP_TLS_SUBJECTS_MAX + 1],
        list = gw_str_of(tls->settings->tls_peer_subjects);
    size_t count = 0;
    enum gw_code rc;

    subject[0] = '\0';
    if (contexts[which].demand == CERT_NOT_ASKED)
        return GW_OK;
    if (asked.len)
        name[count++] = asked;
    while (count < SIP_TLS_SUBJECTS_MAX + 1 && gw_str_next(&list, ",", &name[count]))
        count += name[count].len > 0;
    if (!count)
        return gw_fail(
            err, GW_DENIED,
            "no TLS peer subjects are set: kalendsctl set sip.tls_peer_subjects with the "
            "subject CN of each peer's certificate");
    rc = cert_peer_check(ssl, name, count, err);
    if (!rc)
        subject_find(ssl, name, count, subject);
    return rc;
}

enum gw_code sip_tls_admit_again(const struct sip_tls *tls, enum sip_tls_context which,
                                 struct ssl_st *ssl, struct gw_str asked,
                                 char subject[SIP_SUBJECT_MAX + 1], struct gw_err *err)
{
    cert_peer_again(tls->peer[which], ssl);
    return sip_tls_admit(tls, which, ssl, asked, subject, err);
}
