/* What a chain is worth: OpenSSL builds and checks it, against the trust set as it is at that moment,
 * then usage and names are looked at. The result is said in the words administrators know. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_log.h"

enum { AUTH_LEVEL = 2 }; /* of keys and signatures: 112 bits, whatever the connection is allowed */

/* What a certificate must be allowed to do. On SIP connections each side is client and server in turn
 * (interdomain-federation.md 5); XMPP servers use one certificate for both, and public authorities put
 * serverAuth alone into it. */
static const struct {
    int usage;
    bool client_too;
} uses[] = {
    [CERT_FOR_EXCHANGE] = { X509_PURPOSE_SSL_SERVER, false },
    [CERT_FOR_SIP] = { X509_PURPOSE_SSL_SERVER, true },
    [CERT_FOR_XMPP_SERVER] = { X509_PURPOSE_SSL_SERVER, false },
    [CERT_FOR_XMPP_CLIENT] = { X509_PURPOSE_SSL_SERVER, false },
    [CERT_FOR_SIP_CLIENT] = { X509_PURPOSE_SSL_SERVER, false },
    [CERT_FOR_PUSH] = { X509_PURPOSE_SSL_SERVER, false },
    [CERT_FOR_API] = { X509_PURPOSE_SSL_CLIENT, false },
    [CERT_FOR_XMPP_LOGIN] = { X509_PURPOSE_SSL_CLIENT, false },
};

const char *cert_verdict_name(enum cert_verdict v)
{
    switch (v) {
    case CERT_NOT_SEEN:
        return "not checked yet";
    case CERT_VERIFIED:
        return "Verified";
    case CERT_MISSING_FROM_CHAIN:
        return "Failed: certificate missing from chain";
    case CERT_CN_MISMATCH:
        return "Failed: subject CN mismatch";
    case CERT_SAN_MISMATCH:
        return "Failed: SAN mismatch";
    case CERT_BAD:
        return "Failed: bad certificate";
    case CERT_NETWORK_ERROR:
        return "Failed: network error";
    case CERT_FAILED:
        return "Failed";
    }
    return "Failed";
}

/* --- revocation lists */

/* What may be wrong with a list, or with there being none; 'soft': it is overlooked unless lists are required, and
 * what is on the list is revoked all the same. */
static const struct list_problem {
    int error;
    bool soft;
    const char *says;
} list_problems[] = {
    { X509_V_ERR_UNABLE_TO_GET_CRL, true, "is not here" },
    { X509_V_ERR_CRL_HAS_EXPIRED, true, "is out of date" },
    { X509_V_ERR_CRL_NOT_YET_VALID, true, "is not valid yet (check the clocks)" },
    { X509_V_ERR_DIFFERENT_CRL_SCOPE, true, "is for other certificates" },
    { X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, true, "is of another key" },
    { X509_V_ERR_CRL_SIGNATURE_FAILURE, false, "is not signed by it" },
    { X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, false, "is signed by it, and it may sign none" },
    { X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, false, "cannot be understood" },
    { X509_V_ERR_CRL_PATH_VALIDATION_ERROR, false, "cannot be verified" },
};

static const struct list_problem *list_problem(int error)
{
    for (size_t i = 0; i < sizeof(list_problems) / sizeof(list_problems[0]); i++)
        if (list_problems[i].error == error)
            return &list_problems[i];
    return NULL;
}

/* Nobody is asked about the certificate that is trusted itself. */
static int overlook(int fine, X509_STORE_CTX *ctx, bool soft)
{
    const struct list_problem *problem = list_problem(X509_STORE_CTX_get_error(ctx));
    bool anchor =
        X509_STORE_CTX_get_error_depth(ctx) == sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

    if (!problem || !(anchor || (soft && problem->soft)))
        return fine;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static int on_check(int fine, X509_STORE_CTX *ctx)
{
    return overlook(fine, ctx, true);
}

static int on_require(int fine, X509_STORE_CTX *ctx)
{
    return overlook(fine, ctx, false);
}

static void use_lists(X509_STORE_CTX *ctx, const struct cert_check *check)
{
    const struct cert_settings *settings = check->store->settings;
    int use = settings ? settings->tls[cert_tls_purpose(check->purpose)].crl : CERT_CRL_OFF;

    if (use == CERT_CRL_OFF)
        return;
    X509_STORE_CTX_set0_crls(ctx, check->set->crls);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx),
                                X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_STORE_CTX_set_verify_cb(ctx, use == CERT_CRL_CHECK ? on_check : on_require);
}

/* --- what it comes to */

/* What makes a certificate bad: in a word, and with what to do about it. */
static const struct fault {
    int error;
    const char *reason, *says;
} faults[] = {
    { X509_V_ERR_CERT_REVOKED, "revoked", NULL }, /* since when: say_bad() */
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, "bad signature",
      "has a signature that its issuer's key did not make: if the issuer has a new certificate, "
      "trust "
      "that in place of the old one" },
    { X509_V_ERR_EE_KEY_TOO_SMALL, "key too weak",
      "has a key that is too weak: it needs a new one, RSA of 2048 bits or more, or elliptic "
      "curve" },
    { X509_V_ERR_CA_KEY_TOO_SMALL, "key too weak",
      "has a key that is too weak: the server needs a certificate of another authority" },
    { X509_V_ERR_CA_MD_TOO_WEAK, "weak signature",
      "is signed with an algorithm that is too weak: it needs a new one, signed with SHA-256 or "
      "better" },
    { X509_V_ERR_INVALID_PURPOSE, "wrong usage", NULL }, /* which: say_bad() */
    { X509_V_ERR_PERMITTED_VIOLATION, "name constraints",
      "has a name that its authority may not vouch for: it needs one of another authority" },
    { X509_V_ERR_EXCLUDED_VIOLATION, "name constraints",
      "has a name that its authority may not vouch for: it needs one of another authority" },
    { X509_V_ERR_INVALID_CA, "not a certificate authority",
      "has signed another, and is no authority: the server needs a certificate of one" },
    { X509_V_ERR_PATH_LENGTH_EXCEEDED, "chain too long",
      "has more authorities below it than it allows: the server needs another certificate" },
};

static const struct fault *fault_of(int error)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (faults[i].error == error)
            return &faults[i];
    return NULL;
}

const char *cert_fault_reason(int error)
{
    const struct fault *fault = fault_of(error);

    return fault ? fault->reason : NULL;
}

static enum cert_verdict verdict_of(int error)
{
    if (list_problem(error))
        return CERT_FAILED; /* nothing is known to be wrong with the certificate */
    switch (error) {
    case X509_V_OK:
        return CERT_VERIFIED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return CERT_MISSING_FROM_CHAIN;
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_OUT_OF_MEM:
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return CERT_FAILED;
    default:
        return CERT_BAD;
    }
}

static const struct cert_entry *same_subject(const struct cert_set *set, X509 *cert)
{
    for (size_t i = 0; i < set->count; i++)
        if (!X509_NAME_cmp(X509_get_subject_name(set->entry[i]->x509), X509_get_subject_name(cert)))
            return set->entry[i];
    return NULL;
}

/* One that signed itself may be the successor of one that is trusted. */
static enum cert_verdict say_self_signed(const struct cert_set *set, X509 *cert, struct gw_err *out)
{
    const struct cert_entry *old = same_subject(set, cert);
    char subject[CERT_NAME_TEXT_MAX];

    cert_name_text(X509_get_subject_name(cert), subject);
    if (old) {
        gw_fail(out, GW_DENIED,
                "certificate '%s' is not the one of that name in '%s' (%.16s...): if it was issued "
                "anew, remove that and trust this one",
                subject, set->name, old->info.fingerprint);
        return CERT_BAD;
    }
    gw_fail(out, GW_DENIED,
            "certificate '%s' is self-signed and not in '%s' (kalendsctl cert trust add FILE)",
            subject, set->name);
    return CERT_MISSING_FROM_CHAIN;
}

static void say_missing(const struct cert_set *set, X509 *cert, struct gw_err *out)
{
    char subject[CERT_NAME_TEXT_MAX], issuer[CERT_NAME_TEXT_MAX];

    cert_name_text(X509_get_subject_name(cert), subject);
    cert_name_text(X509_get_issuer_name(cert), issuer);
    gw_fail(out, GW_DENIED,
            "issuer '%s' of certificate '%s' is neither sent by the server nor in '%s' "
            "(kalendsctl cert trust add FILE)",
            issuer, subject, set->name);
}

static void say_list(const struct cert_set *set, X509 *cert, int error, struct gw_err *out)
{
    char subject[CERT_NAME_TEXT_MAX], issuer[CERT_NAME_TEXT_MAX];

    cert_name_text(X509_get_subject_name(cert), subject);
    cert_name_text(X509_get_issuer_name(cert), issuer);
    gw_fail(out, GW_DENIED,
            "the revocation list of '%s' for certificate '%s' %s (kalendsctl cert crl add FILE "
            "--store %s)",
            issuer, subject, list_problem(error)->says, set->name);
}

static void say_bad(const struct cert_check *check, X509 *cert, int error, struct gw_err *out)
{
    bool client = uses[check->purpose].usage == X509_PURPOSE_SSL_CLIENT;
    char subject[CERT_NAME_TEXT_MAX], when[GW_UTC_TEXT_MAX];
    const struct fault *fault = fault_of(error);

    cert_name_text(X509_get_subject_name(cert), subject);
    if (error == X509_V_ERR_CERT_HAS_EXPIRED)
        gw_fail(out, GW_DENIED, "certificate '%s' expired on %s: it needs a new one", subject,
                gw_utc_text(cert_time(X509_get0_notAfter(cert)), when));
    else if (error == X509_V_ERR_CERT_REVOKED)
        gw_fail(out, GW_DENIED,
                "certificate '%s' was revoked by its authority on %s: it needs a new one", subject,
                gw_utc_text(cert_crl_revoked_since(check->set, cert), when));
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        gw_fail(out, GW_DENIED, "certificate '%s' is not valid before %s: check the clocks",
                subject, gw_utc_text(cert_time(X509_get0_notBefore(cert)), when));
    else if (error == X509_V_ERR_INVALID_PURPOSE)
        gw_fail(out, GW_DENIED,
                "certificate '%s' is not for %s authentication (1.3.6.1.5.5.7.3.%d): it needs a "
                "new one that is",
                subject, client ? "client" : "server", client ? 2 : 1);
    else if (fault)
        gw_fail(out, GW_DENIED, "certificate '%s' %s", subject, fault->says);
    else
        gw_fail(out, GW_DENIED, "certificate '%s': %s", subject,
                X509_verify_cert_error_string(error));
}

static void say_error(const struct cert_check *check, X509 *cert, int error,
                      struct cert_result *out)
{
    const struct cert_set *set = check->set;
    struct gw_err why = { 0 };

    out->verdict = verdict_of(error);
    if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
        error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
        out->verdict = say_self_signed(set, cert, &why);
    else if (out->verdict == CERT_MISSING_FROM_CHAIN)
        say_missing(set, cert, &why);
    else if (out->verdict == CERT_BAD && cert)
        say_bad(check, cert, error, &why);
    else if (list_problem(error) && cert)
        say_list(set, cert, error, &why);
    else if (out->verdict != CERT_VERIFIED)
        gw_fail(&why, GW_DENIED, "%s", X509_verify_cert_error_string(error));
    memcpy(out->text, why.msg, sizeof(out->text));
}

/* X509_V_OK, or the error of OpenSSL that comes closest, said in *out. */
static int leaf_error(X509 *leaf, const struct cert_check *check, struct cert_result *out)
{
    char subject[CERT_NAME_TEXT_MAX];
    struct gw_err why;

    if (uses[check->purpose].client_too &&
        X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) != 1) {
        gw_fail(&why, GW_DENIED,
                "certificate '%s' is not for client authentication (1.3.6.1.5.5.7.3.2): the peer "
                "needs one for server and client authentication",
                cert_name_text(X509_get_subject_name(leaf), subject));
        out->verdict = CERT_BAD;
        memcpy(out->text, why.msg, sizeof(out->text));
        return X509_V_ERR_INVALID_PURPOSE;
    }
    if (check->names_count &&
        cert_name_check(leaf, check->purpose, check->names, check->names_count, &why)) {
        bool by_cn = check->purpose == CERT_FOR_SIP ||
                     X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) < 0;

        out->verdict = by_cn ? CERT_CN_MISMATCH : CERT_SAN_MISMATCH;
        memcpy(out->text, why.msg, sizeof(out->text));
        return X509_V_ERR_HOSTNAME_MISMATCH;
    }
    return X509_V_OK;
}

/* Any certificate of the set is an anchor: what the administrator put there is trusted, be it a root,
 * an intermediate or the peer itself. */
bool cert_verify(X509_STORE_CTX *ctx, const struct cert_check *check, struct cert_result *out)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx), *cert;
    bool fine;
    int error;

    X509_STORE_CTX_set0_trusted_stack(ctx, check->set->trusted);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
    use_lists(ctx, check);
    fine = X509_VERIFY_PARAM_set_purpose(param, uses[check->purpose].usage) &&
           X509_verify_cert(ctx) == 1;
    if (!fine && X509_STORE_CTX_get_error(ctx) == X509_V_OK)
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
    cert = X509_STORE_CTX_get_current_cert(ctx);
    error = X509_STORE_CTX_get_error(ctx);
    say_error(check, cert ? cert : leaf, error, out);
    if (error == X509_V_OK) {
        error = leaf_error(leaf, check, out);
        X509_STORE_CTX_set_error(ctx, error);
    }
    if (error == X509_V_OK)
        cert_expiry_note(check->store, check->names_count ? check->names[0] : GW_STR(""), leaf);
    return error == X509_V_OK;
}
