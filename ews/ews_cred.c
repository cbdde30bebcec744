/* Credentials by GSSAPI. Kerberos is asked by itself first: if it knows the account and refuses the
 * password, NTLM must not present the same password again, and if it does not answer, NTLM goes on
 * without it. */
#include <ctype.h>
#include <gsasl.h>
#include <krb5.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ews_login_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum {
    NEVER_STALE_MS = GW_DAY_MS,
    NO_KERBEROS_MS = 15 * GW_MINUTE_MS, /* then it is asked again */
    TICKET_MARGIN_S = 300
};

struct ews_cred {
    unsigned refs;
    Gsasl *gsasl;
    char *name, *password;
    pthread_mutex_t lock; /* of all below */
    gss_cred_id_t held[EWS_SCHEMES];
    bool has_ticket;  /* of Kerberos, in that for Negotiate */
    gw_time stale_at; /* GW_NEVER: nothing was got yet */
};

static gss_OID_desc ntlmssp_oid = { 10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };
static gss_OID_desc spnego_oid = { 6, "\x2b\x06\x01\x05\x05\x02" };

gss_OID ews_gss_mech(enum ews_scheme scheme)
{
    return scheme == EWS_SCHEME_NTLM ? &ntlmssp_oid : &spnego_oid;
}

void ews_gss_text(OM_uint32 major, OM_uint32 minor, gss_OID mech, struct gw_buf *out)
{
    const struct {
        OM_uint32 status;
        int type;
    } part[] = { { major, GSS_C_GSS_CODE }, { minor, GSS_C_MECH_CODE } };

    for (size_t i = 0; i < 2; i++) {
        OM_uint32 ignored, more = 0;
        gss_buffer_desc text = GSS_C_EMPTY_BUFFER;

        if (gss_display_status(&ignored, part[i].status, part[i].type, mech, &more, &text) ||
            (i && !part[i].status))
            continue;
        gw_buf_addf(out, "%s%.*s", i ? ": " : "", (int)text.length, (const char *)text.value);
        (void)gss_release_buffer(&ignored, &text);
    }
}

struct ews_cred *ews_cred_new(const char *name, const char *password)
{
    struct ews_cred *cred = gw_new(struct ews_cred);

    cred->refs = 1;
    cred->gsasl = ews_login_gsasl_new();
    cred->name = gw_str_dup(gw_str_of(name));
    cred->password = gw_str_dup(gw_str_of(password));
    cred->stale_at = GW_NEVER;
    (void)pthread_mutex_init(&cred->lock, NULL);
    return cred;
}

struct ews_cred *ews_cred_ref(struct ews_cred *cred)
{
    cred->refs++;
    return cred;
}

struct Gsasl *ews_cred_gsasl(const struct ews_cred *cred)
{
    return cred->gsasl;
}

void ews_cred_unref(struct ews_cred **credp)
{
    struct ews_cred *cred = *credp;
    OM_uint32 minor;

    if (!cred)
        return;
    *credp = NULL;
    if (--cred->refs)
        return;
    for (size_t i = 0; i < EWS_SCHEMES; i++)
        (void)gss_release_cred(&minor, &cred->held[i]);
    (void)pthread_mutex_destroy(&cred->lock);
    gsasl_done(cred->gsasl);
    free(cred->name);
    gw_secret_free(&cred->password);
    free(cred);
}

bool ews_cred_is_stale(struct ews_cred *cred, gw_time now)
{
    bool stale;

    if (pthread_mutex_trylock(&cred->lock)) /* being got: it will do */
        return false;
    stale = now >= cred->stale_at;
    (void)pthread_mutex_unlock(&cred->lock);
    return stale;
}

bool ews_cred_has_ticket(struct ews_cred *cred)
{
    bool has;

    if (pthread_mutex_trylock(&cred->lock)) /* being got */
        return false;
    has = cred->has_ticket;
    (void)pthread_mutex_unlock(&cred->lock);
    return has;
}

/* ---- Kerberos --------------------------------------------------------------------------------- */

/* Words of a KDC that end the matter. */
static const struct {
    OM_uint32 minor;
    const char *code, *text;
} kdc_verdict[] = {
    { (OM_uint32)KRB5KDC_ERR_PREAUTH_FAILED, "kerberos-refused",
      "Kerberos refuses the account: check its password" },
    { (OM_uint32)KRB5KDC_ERR_KEY_EXP, "password-expired",
      "Kerberos says that the account's password has expired" },
    { (OM_uint32)KRB5KDC_ERR_CLIENT_REVOKED, "account-locked",
      "Kerberos says that the account is locked or disabled" },
};

/* "user@realm" with the realm in capitals, as Kerberos writes it; NULL: not of that form. */
static char *principal_new(const char *name)
{
    char *principal, *at;

    if (strchr(name, '\\') || !strrchr(name, '@'))
        return NULL;
    principal = gw_str_dup(gw_str_of(name));
    for (at = strrchr(principal, '@'); *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return principal;
}

static OM_uint32 acquire(const char *name, const char *password, gss_OID mech, gss_cred_id_t *out,
                         OM_uint32 *minor)
{
    gss_buffer_desc text = { strlen(name), (void *)name };
    gss_buffer_desc secret = { strlen(password), (void *)password };
    gss_OID_set_desc mechs = { 1, mech };
    gss_name_t gss_name = GSS_C_NO_NAME;
    OM_uint32 major, ignored;

    major = gss_import_name(minor, &text, GSS_C_NT_USER_NAME, &gss_name);
    gw_leak_ignore(); /* gss-ntlmssp 1.2.0 loses 5 KB each time it hashes a password */
    if (!GSS_ERROR(major))
        major = gss_acquire_cred_with_password(minor, gss_name, &secret, GSS_C_INDEFINITE, &mechs,
                                               GSS_C_INITIATE, out, NULL, NULL);
    gw_leak_look();
    (void)gss_release_name(&ignored, &gss_name);
    return major;
}

/* Asks for a ticket. *lifetime_s is 0 when there is none to be had: NTLM then. False: the KDC knows
 * the account and refuses it. */
static bool kerberos_ask(const char *principal, const char *password, OM_uint32 *lifetime_s,
                         struct ews_status *why)
{
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    OM_uint32 major, minor, ignored;
    struct gw_buf text;
    bool refused = false;

    *lifetime_s = 0;
    major = acquire(principal, password, (gss_OID)gss_mech_krb5, &cred, &minor);
    if (!GSS_ERROR(major)) /* this gets it */
        major = gss_inquire_cred(&minor, cred, NULL, lifetime_s, NULL, NULL);
    if (GSS_ERROR(major)) {
        *lifetime_s = 0;
        gw_buf_init(&text, sizeof(why->text));
        ews_gss_text(major, minor, (gss_OID)gss_mech_krb5, &text);
        gw_debug("ews", "no Kerberos ticket account=%s: %.*s", principal,
                 GW_STR_ARG(gw_buf_str(&text)));
        gw_buf_done(&text);
    }
    for (size_t i = 0; i < sizeof(kdc_verdict) / sizeof(kdc_verdict[0]); i++)
        if (GSS_ERROR(major) && minor == kdc_verdict[i].minor) {
            ews_status_set(why, EWS_CREDENTIALS, kdc_verdict[i].code, "%s", kdc_verdict[i].text);
            refused = true;
        }
    (void)gss_release_cred(&ignored, &cred);
    return !refused;
}

/* ---- getting them ----------------------------------------------------------------------------- */

static void not_got(OM_uint32 major, OM_uint32 minor, gss_OID mech, struct ews_status *why)
{
    struct gw_buf text;

    gw_buf_init(&text, sizeof(why->text));
    ews_gss_text(major, minor, mech, &text);
    if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_MECH || GSS_ROUTINE_ERROR(major) == GSS_S_NO_CRED)
        ews_status_set(why, EWS_CONFIG, "no-mechanism",
                       "this machine cannot log in with NTLM or Kerberos: install the package "
                       "gss-ntlmssp (%.*s)",
                       GW_STR_ARG(gw_buf_str(&text)));
    else
        ews_status_set(why, EWS_TRANSIENT, "gssapi", "the login cannot be prepared: %.*s",
                       GW_STR_ARG(gw_buf_str(&text)));
    gw_buf_done(&text);
}

static bool get_ntlm(struct ews_cred *cred, gw_time now, struct ews_status *why)
{
    OM_uint32 major, minor;

    major = acquire(cred->name, cred->password, &ntlmssp_oid, &cred->held[EWS_SCHEME_NTLM], &minor);
    if (GSS_ERROR(major)) {
        not_got(major, minor, &ntlmssp_oid, why);
        return false;
    }
    if (cred->stale_at == GW_NEVER)
        cred->stale_at = gw_time_after(now, NEVER_STALE_MS);
    return true;
}

static bool get_negotiate(struct ews_cred *cred, bool by_name, gw_time now, struct ews_status *why)
{
    gss_OID_desc inner[] = { *gss_mech_krb5, ntlmssp_oid };
    char *principal = by_name ? principal_new(cred->name) : NULL;
    gss_OID_set_desc mechs = { 1, &inner[1] };
    gss_cred_id_t *held = &cred->held[EWS_SCHEME_NEGOTIATE];
    OM_uint32 major = GSS_S_COMPLETE, minor, lifetime_s = 0;
    bool asked = principal;

    if (principal && !kerberos_ask(principal, cred->password, &lifetime_s, why)) {
        free(principal);
        return false;
    }
    if (lifetime_s)
        mechs = (gss_OID_set_desc){ 2, inner };
    major = acquire(lifetime_s ? principal : cred->name, cred->password, &spnego_oid, held, &minor);
    if (!GSS_ERROR(major))
        major = gss_set_neg_mechs(&minor, *held, &mechs);
    free(principal);
    if (GSS_ERROR(major)) {
        (void)gss_release_cred(&minor, held);
        not_got(major, minor, &spnego_oid, why);
        return false;
    }
    cred->has_ticket = lifetime_s;
    if (lifetime_s)
        cred->stale_at = gw_time_after(now, lifetime_s > 2 * TICKET_MARGIN_S
                                                ? (int64_t)(lifetime_s - TICKET_MARGIN_S) * 1000
                                                : (int64_t)lifetime_s * 500);
    else
        cred->stale_at = gw_time_after(now, asked ? NO_KERBEROS_MS : NEVER_STALE_MS);
    return true;
}

bool ews_cred_get(struct ews_cred *cred, enum ews_scheme scheme, bool by_name, gw_time now,
                  gss_cred_id_t *out, struct ews_status *why)
{
    bool got = true;

    (void)pthread_mutex_lock(&cred->lock);
    if (!cred->held[scheme])
        got = scheme == EWS_SCHEME_NTLM ? get_ntlm(cred, now, why)
                                        : get_negotiate(cred, by_name, now, why);
    *out = cred->held[scheme];
    if (!got)
        cred->stale_at = now; /* the next login asks anew */
    (void)pthread_mutex_unlock(&cred->lock);
    return got;
}
