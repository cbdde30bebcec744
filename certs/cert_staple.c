/* OCSP responses that a server staples to its certificate (RFC 6066 8, RFC 6960). Nobody is asked: what is not
 * stapled is not known. */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <string.h>

#include "cert_priv.h"

enum { CLOCK_SLACK_S = 300 };

/* Signed by the issuer, or by whom the issuer has made its responder. */
static bool is_signed(OCSP_BASICRESP *basic, STACK_OF(X509) * chain, X509 *issuer)
{
    X509_STORE *trusted = X509_STORE_new();
    bool ok = trusted && X509_STORE_add_cert(trusted, issuer) &&
              X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN) &&
              OCSP_basic_verify(basic, chain, trusted, 0) == 1;

    X509_STORE_free(trusted);
    return ok;
}

/* The authority has chosen how certificates are named. */
static bool is_about(OCSP_SINGLERESP *single, X509 *leaf, X509 *issuer)
{
    OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *ours;
    ASN1_OBJECT *digest = NULL;
    const EVP_MD *md;
    bool same;

    (void)OCSP_id_get0_info(NULL, &digest, NULL, NULL, id);
    md = EVP_get_digestbyobj(digest);
    ours = md ? OCSP_cert_to_id(md, leaf, issuer) : NULL;
    same = ours && !OCSP_id_cmp(ours, id);
    OCSP_CERTID_free(ours);
    return same;
}

static const char *single_problem(OCSP_SINGLERESP *single)
{
    ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
    int status = OCSP_single_get0_status(single, NULL, NULL, &from, &to);

    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return "was revoked by its authority: it needs a new one";
    if (!OCSP_check_validity(from, to, CLOCK_SLACK_S, -1))
        return "has a stapled OCSP response that is out of date: check the server, and the clocks";
    return status == V_OCSP_CERTSTATUS_GOOD ? NULL
                                            : "is not known to its authority's OCSP responder";
}

static const char *basic_problem(OCSP_BASICRESP *basic, STACK_OF(X509) * chain)
{
    X509 *leaf = sk_X509_value(chain, 0), *issuer = sk_X509_value(chain, 1);

    if (!is_signed(basic, chain, issuer))
        return "has a stapled OCSP response that its authority has not signed";
    for (int i = 0; i < OCSP_resp_count(basic); i++)
        if (is_about(OCSP_resp_get0(basic, i), leaf, issuer))
            return single_problem(OCSP_resp_get0(basic, i));
    return "has a stapled OCSP response about another certificate";
}

const char *cert_staple_problem(SSL *ssl, bool required)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    const unsigned char *der = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    const char *problem;

    if (sk_X509_num(chain) < 2)
        return NULL; /* refused already, or trusted by itself: no authority has a say */
    if (!der || len <= 0)
        return required ? "has no stapled OCSP response, which tls.ocsp_stapling asks for" : NULL;
    response = d2i_OCSP_RESPONSE(NULL, &der, len);
    basic = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL
                ? OCSP_response_get1_basic(response)
                : NULL;
    problem = basic ? basic_problem(basic, chain) : "has a stapled OCSP response that is damaged";
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return problem;
}
