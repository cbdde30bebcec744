#include "cert_name.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unicode/uidna.h>

#include "cert_priv.h"
#include "gw_log.h"

enum { ADDRESS_MAX = 16 };

static const struct rule {
    enum { CN_NEVER, CN_ALONE, CN_TOO, CN_FOR_WANT_OF_OTHERS } cn;
    bool dns, address;
    const char *list;    /* of CN_ALONE: where the names are from, for messages */
    const char *service; /* of SRVName; id-on-xmppAddr counts too. NULL: neither does */
} rules[] = {
    [CERT_FOR_EXCHANGE] = { .cn = CN_TOO, .dns = true, .address = true },
    [CERT_FOR_SIP] = { .cn = CN_ALONE, .list = "TLS peer subjects" },
    [CERT_FOR_XMPP_SERVER] = { .cn = CN_FOR_WANT_OF_OTHERS,
                               .dns = true,
                               .service = "_xmpp-server." },
    [CERT_FOR_XMPP_CLIENT] = { .cn = CN_FOR_WANT_OF_OTHERS,
                               .dns = true,
                               .service = "_xmpp-client." },
    [CERT_FOR_SIP_CLIENT] = { .cn = CN_TOO, .dns = true, .address = true },
    [CERT_FOR_PUSH] = { .cn = CN_TOO, .dns = true, .address = true },
    [CERT_FOR_API] = { .cn = CN_ALONE, .list = "API clients" },
    [CERT_FOR_XMPP_LOGIN] = { .cn = CN_NEVER },
};

/* A name that is looked for. */
struct wanted {
    char text[CERT_NAME_MAX + 1]; /* in A-labels; an address in its canonical form */
    unsigned char address[ADDRESS_MAX];
    size_t address_len; /* 0: it is none */
};

static bool is_ascii(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static bool to_ascii(struct gw_str in, char out[CERT_NAME_MAX + 1])
{
    const uint32_t options = UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                             UIDNA_NONTRANSITIONAL_TO_ASCII;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode rc = U_ZERO_ERROR;
    UIDNA *idna;
    int32_t n = 0;

    if (!in.len || in.len > CERT_NAME_MAX || memchr(in.p, '\0', in.len))
        return false;
    if (is_ascii(in)) {
        memcpy(out, in.p, in.len);
        out[in.len] = '\0';
        return true;
    }
    if (!gw_str_is_utf8(in))
        return false;
    idna = uidna_openUTS46(options, &rc);
    if (U_SUCCESS(rc))
        n = uidna_nameToASCII_UTF8(idna, in.p, (int32_t)in.len, out, CERT_NAME_MAX, &info, &rc);
    if (idna)
        uidna_close(idna);
    if (U_FAILURE(rc) || info.errors || n <= 0)
        return false;
    out[n] = '\0';
    return true;
}

static bool wanted_init(struct wanted *w, struct gw_str name)
{
    *w = (struct wanted){ .address_len = 0 };
    if (name.len > 1 && name.p[name.len - 1] == '.')
        name.len--; /* the root's dot is never in a certificate */
    if (!to_ascii(name, w->text) || w->text[0] == '.') /* to OpenSSL: whatever ends so */
        return false;
    if (inet_pton(AF_INET, w->text, w->address) == 1)
        w->address_len = 4;
    else if (inet_pton(AF_INET6, w->text, w->address) == 1)
        w->address_len = 16;
    if (w->address_len)
        (void)inet_ntop(w->address_len == 4 ? AF_INET : AF_INET6, w->address, w->text,
                        sizeof(w->text));
    return true;
}

bool cert_name_is_address(struct gw_str name)
{
    struct wanted w;

    return wanted_init(&w, name) && w.address_len;
}

bool cert_name_normal(struct gw_str name, char out[CERT_NAME_MAX + 1])
{
    struct wanted w;

    if (!wanted_init(&w, name))
        return false;
    memcpy(out, w.text, sizeof(w.text));
    return true;
}

char *cert_name_dup(struct gw_str name)
{
    char normal[CERT_NAME_MAX + 1];

    return gw_str_dup(cert_name_normal(name, normal) ? gw_str_of(normal) : name);
}

static bool is_wanted(const struct wanted *w, struct gw_str name)
{
    char text[CERT_NAME_MAX + 1];

    return to_ascii(name, text) && gw_str_iis(gw_str_of(w->text), text);
}

/* --- the subject's CN */

/* The last one is the most specific. Gives UTF-8 (OPENSSL_free()), or NULL. */
static unsigned char *common_name(X509 *cert, int *len)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    unsigned char *text = NULL;
    int at = -1, next;

    while ((next = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
        at = next;
    if (at < 0)
        return NULL;
    *len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    return *len > 0 ? text : NULL;
}

static bool cn_is_wanted(X509 *cert, const struct wanted *w)
{
    int len = 0;
    unsigned char *text = common_name(cert, &len);
    bool is = text && is_wanted(w, (struct gw_str){ (const char *)text, (size_t)len });

    OPENSSL_free(text);
    return is;
}

/* --- names of XMPP among the alternative ones */

/* The text of an otherName of that type, if it is of the right kind; .p NULL: it is not. */
static struct gw_str other_name(const GENERAL_NAME *g, int nid, int kind)
{
    const ASN1_TYPE *value = g->type == GEN_OTHERNAME ? g->d.otherName->value : NULL;

    if (!value || OBJ_obj2nid(g->d.otherName->type_id) != nid || value->type != kind)
        return (struct gw_str){ NULL, 0 };
    return (struct gw_str){ (const char *)ASN1_STRING_get0_data(value->value.asn1_string),
                            (size_t)ASN1_STRING_length(value->value.asn1_string) };
}

struct gw_str cert_name_xmpp_addr(const GENERAL_NAME *g)
{
    return other_name(g, NID_XmppAddr, V_ASN1_UTF8STRING);
}

struct gw_str cert_name_srv(const GENERAL_NAME *g)
{
    return other_name(g, NID_SRVName, V_ASN1_IA5STRING);
}

static bool xmpp_is_wanted(const GENERAL_NAME *g, const char *service, const struct wanted *w)
{
    struct gw_str addr = cert_name_xmpp_addr(g), srv = cert_name_srv(g);
    size_t len = strlen(service);

    if (addr.len)
        return is_wanted(w, addr); /* "user@domain" is not the domain's */
    return srv.len > len && gw_str_iis(gw_str_sub(srv, 0, len), service) &&
           is_wanted(w, gw_str_sub(srv, len, srv.len));
}

/* *any: there is a name that is to be preferred to the CN, of this service or another. */
static bool has_xmpp_name(X509 *cert, const char *service, const struct wanted *w, bool *any)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    *any = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

        *any |= g->type == GEN_DNS || cert_name_xmpp_addr(g).len || cert_name_srv(g).len;
        found |= xmpp_is_wanted(g, service, w);
    }
    GENERAL_NAMES_free(all);
    return found;
}

/* --- all of it */

static bool host_is(X509 *cert, const struct wanted *w, unsigned subject)
{
    return X509_check_host(cert, w->text, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | subject,
                           NULL) == 1;
}

/* An address is never met by a wildcard. */
static bool address_is(X509 *cert, const struct wanted *w)
{
    return X509_check_ip(cert, w->address, w->address_len, 0) == 1 ||
           X509_check_host(cert, w->text, 0,
                           X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT,
                           NULL) == 1;
}

static bool bears(X509 *cert, const struct rule *rule, const struct wanted *w)
{
    bool any = false;

    if (rule->cn == CN_ALONE)
        return cn_is_wanted(cert, w);
    if (w->address_len)
        return rule->address && address_is(cert, w);
    if (rule->service && has_xmpp_name(cert, rule->service, w, &any))
        return true;
    if (rule->dns && host_is(cert, w,
                             rule->cn == CN_TOO ? X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT
                                                : X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        return true;
    return rule->cn == CN_FOR_WANT_OF_OTHERS && !any && cn_is_wanted(cert, w);
}

/* As many of its names as fit. */
static enum gw_code deny(X509 *cert, const struct rule *rule, const struct gw_str *names,
                         size_t count, struct gw_err *err)
{
    char subject[CERT_NAME_TEXT_MAX], name[GW_QUOTE_MAX] = "nobody";
    struct cert_entry *e = NULL;
    struct gw_buf has;

    if (!err)
        return GW_DENIED; /* nobody reads it: hundreds of names are looked for in one go */
    cert_name_text(X509_get_subject_name(cert), subject);
    if (count)
        gw_quote(gw_str_utf8_cut(names[0], 80), name);
    if (rule->cn == CN_ALONE)
        return gw_fail(err, GW_DENIED,
                       "the subject CN of certificate '%s' is not among the %s (%s%s)", subject,
                       rule->list, name, count > 1 ? ", ..." : "");
    if (cert_entry_new(cert, &e, NULL) || !e->info.names[0]) {
        cert_entry_free(&e);
        return gw_fail(err, GW_DENIED,
                       "host %s is not the name of certificate '%s': use that, or have it "
                       "reissued",
                       name, subject);
    }
    gw_buf_init(&has, sizeof(err->msg));
    for (size_t i = 0; e->info.names[i]; i++)
        gw_buf_addf(&has, "%s%s", i ? ", " : "", e->info.names[i]);
    gw_fail(err, GW_DENIED,
            "host %s is none of the names of certificate '%s' (use one, or have it reissued): %.*s",
            name, subject, GW_STR_ARG(gw_buf_str(&has)));
    gw_buf_done(&has);
    cert_entry_free(&e);
    return GW_DENIED;
}

enum gw_code cert_name_check(const X509 *cert, enum cert_purpose purpose,
                             const struct gw_str *names, size_t count, struct gw_err *err)
{
    const struct rule *rule = &rules[purpose];
    X509 *own = (X509 *)cert; /* OpenSSL caches in it */
    bool found = false;

    for (size_t i = 0; !found && i < count; i++) {
        struct wanted w;

        found = wanted_init(&w, names[i]) && bears(own, rule, &w);
    }
    ERR_clear_error();
    return found ? GW_OK : deny(own, rule, names, count, err);
}
