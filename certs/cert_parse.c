/* From bytes to certificates, and from certificates to text. The bytes come from an administrator's
 * upload or from disk; the text of names comes from whoever made the certificate. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

enum {
    INFO_MAX = 256 * 1024, /* text about one certificate; its names make up most of it */
    NAMES_MAX = 1000
};

/* --- reading */

/* Takes the certificate. */
static enum gw_code push(STACK_OF(X509) * stack, X509 *x509, struct gw_err *err)
{
    enum gw_code code = GW_OK;

    if (sk_X509_num(stack) >= CERT_CHAIN_MAX)
        code = gw_fail(err, GW_LIMIT, "more than %d certificates at once", CERT_CHAIN_MAX);
    else if (!sk_X509_push(stack, x509))
        code = gw_fail(err, GW_INTERNAL, "out of memory");
    if (code)
        X509_free(x509);
    return code;
}

static enum gw_code push_der(STACK_OF(X509) * stack, const unsigned char *der, long len,
                             struct gw_err *err)
{
    const unsigned char *at = der;
    X509 *x509 = d2i_X509(NULL, &at, len);

    if (x509 && at == der + len)
        return push(stack, x509, err);
    X509_free(x509);
    return gw_fail(err, GW_BADMSG, "certificate %d is damaged", sk_X509_num(stack) + 1);
}

/* A .p7b bundle: SignedData of which only the certificates matter (RFC 2315 9.1). */
static enum gw_code push_bundle(STACK_OF(X509) * stack, const unsigned char *der, long len,
                                struct gw_err *err)
{
    const unsigned char *at = der;
    PKCS7 *bundle = d2i_PKCS7(NULL, &at, len);
    STACK_OF(X509) *certs = NULL;
    enum gw_code code = GW_OK;

    if (!bundle || at != der + len)
        code = gw_fail(err, GW_BADMSG, "the PKCS#7 bundle is damaged");
    else if (!PKCS7_type_is_signed(bundle) || !bundle->d.sign)
        code = gw_fail(err, GW_INVALID, "the PKCS#7 file is not a bundle of certificates");
    else
        certs = bundle->d.sign->cert;
    for (int i = 0; !code && i < sk_X509_num(certs); i++) {
        X509_up_ref(sk_X509_value(certs, i));
        code = push(stack, sk_X509_value(certs, i), err);
    }
    PKCS7_free(bundle);
    return code;
}

/* Both are a SEQUENCE; that of a bundle begins with an object identifier. */
static bool is_bundle(const unsigned char *der, long len)
{
    const unsigned char *at = der;
    long inner;
    int tag, class;

    if (ASN1_get_object(&at, &inner, &tag, &class, len) & 0x80)
        return false;
    return at < der + len && *at == V_ASN1_OBJECT;
}

static enum gw_code push_any(STACK_OF(X509) * stack, const unsigned char *der, long len,
                             struct gw_err *err)
{
    return is_bundle(der, len) ? push_bundle(stack, der, len, err) : push_der(stack, der, len, err);
}

static enum gw_code push_block(STACK_OF(X509) * stack, const char *name, const unsigned char *der,
                               long len, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];

    if (!strcmp(name, PEM_STRING_X509) || !strcmp(name, PEM_STRING_X509_OLD))
        return push_der(stack, der, len, err);
    if (!strcmp(name, PEM_STRING_PKCS7) || !strcmp(name, PEM_STRING_PKCS7_SIGNED))
        return push_bundle(stack, der, len, err);
    if (strstr(name, "PRIVATE KEY"))
        return gw_fail(err, GW_INVALID,
                       "there is a private key in it, which is nobody else's business: leave it "
                       "out, and replace it if this was sent around");
    return gw_fail(err, GW_INVALID, "there is a %s in it: only certificates belong here",
                   gw_quote(gw_str_of(name), quoted));
}

static enum gw_code parse_pem(struct gw_str data, STACK_OF(X509) * stack, struct gw_err *err)
{
    BIO *bio = BIO_new_mem_buf(data.p, (int)data.len);
    enum gw_code code = bio ? GW_OK : gw_fail(err, GW_INTERNAL, "out of memory");

    while (!code) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long len = 0;

        if (!PEM_read_bio(bio, &name, &header, &der, &len)) {
            if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                code = gw_fail(err, GW_BADMSG, "certificate %d is damaged: not proper PEM",
                               sk_X509_num(stack) + 1);
            break;
        }
        code = push_block(stack, name, der, len, err);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
    }
    BIO_free(bio);
    return code;
}

enum gw_code cert_parse(struct gw_str data, STACK_OF(X509) * *out, struct gw_err *err)
{
    STACK_OF(X509) * stack;
    enum gw_code code;

    if (data.len > CERT_UPLOAD_MAX)
        return gw_fail(err, GW_LIMIT, "longer than %d bytes", CERT_UPLOAD_MAX);
    if (!data.len)
        return gw_fail(err, GW_BADMSG, "there is no certificate in it");
    stack = sk_X509_new_null();
    if (!stack)
        return gw_fail(err, GW_INTERNAL, "out of memory");
    ERR_clear_error();
    if (memmem(data.p, data.len, "-----BEGIN ", 11))
        code = parse_pem(data, stack, err);
    else if (data.p[0] == 0x30) /* SEQUENCE */
        code = push_any(stack, (const unsigned char *)data.p, (long)data.len, err);
    else
        code = gw_fail(err, GW_BADMSG, "this is neither PEM nor DER");
    if (!code && !sk_X509_num(stack))
        code = gw_fail(err, GW_BADMSG, "there is no certificate in it");
    ERR_clear_error();
    if (code)
        sk_X509_pop_free(stack, X509_free);
    else
        *out = stack;
    return code;
}

/* --- saying what it is */

gw_utc cert_time(const ASN1_TIME *t)
{
    struct tm tm;
    struct gw_civil c = { 0 };

    if (!t || !ASN1_TIME_to_tm(t, &tm)) {
        ERR_clear_error();
        return GW_NEVER;
    }
    c.year = tm.tm_year + 1900;
    c.month = tm.tm_mon + 1;
    c.day = tm.tm_mday;
    c.hour = tm.tm_hour;
    c.minute = tm.tm_min;
    c.second = tm.tm_sec;
    return gw_civil_to_utc(&c);
}

/* The control characters U+0080 to U+009F, which terminals obey, are not escaped by OpenSSL. */
static bool is_plain_utf8(struct gw_str s)
{
    for (size_t i = 0; i + 1 < s.len; i++)
        if ((unsigned char)s.p[i] == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0)
            return false;
    return gw_str_is_utf8(s);
}

/* RFC 2253 with UTF-8 left as it is; when it would not be proper text, with everything escaped. */
static void name_write(const X509_NAME *name, struct gw_buf *out)
{
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;

    for (int round = 0; round < 2; round++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text = NULL;
        long len = 0;
        bool good = false;

        if (bio && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
            len = BIO_get_mem_data(bio, &text);
            good = len > 0 && is_plain_utf8((struct gw_str){ text, (size_t)len });
        }
        if (good || round)
            gw_buf_add(out, text ? text : "", len > 0 ? (size_t)len : 0);
        BIO_free(bio);
        if (good)
            break;
        flags = XN_FLAG_RFC2253;
    }
    ERR_clear_error();
}

const char *cert_name_text(const X509_NAME *name, char out[CERT_NAME_TEXT_MAX])
{
    struct gw_buf text;
    struct gw_str cut;

    gw_buf_init(&text, INFO_MAX);
    name_write(name, &text);
    cut = gw_str_utf8_cut(gw_buf_str(&text), CERT_NAME_TEXT_MAX - 1);
    memcpy(out, cut.len ? cut.p : "", cut.len);
    out[cut.len] = '\0';
    gw_buf_done(&text);
    return out;
}

static const char *entry_text(struct cert_entry *e, struct gw_buf *text)
{
    const char *copy = text->failed ? NULL : gw_arena_dup(&e->arena, gw_buf_str(text)).p;

    gw_buf_reset(text);
    return copy ? copy : "";
}

static const char *entry_name(struct cert_entry *e, const X509_NAME *name, struct gw_buf *text)
{
    name_write(name, text);
    return entry_text(e, text);
}

/* What is not printable is shown in hex: it is text of a stranger, and may hold NUL. */
static void printable_write(struct gw_str s, struct gw_buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] > 0x20 && s.p[i] < 0x7f)
            gw_buf_add_char(out, s.p[i]);
        else
            gw_buf_addf(out, "\\%02x", (unsigned char)s.p[i]);
    }
}

static bool alt_name_write(const GENERAL_NAME *g, struct gw_buf *out)
{
    char address[INET6_ADDRSTRLEN];
    const unsigned char *p;
    int len;

    if (g->type == GEN_IPADD) {
        p = ASN1_STRING_get0_data(g->d.iPAddress);
        len = ASN1_STRING_length(g->d.iPAddress);
        if (len != 4 && len != 16)
            return false;
        gw_buf_add_cstr(out, inet_ntop(len == 4 ? AF_INET : AF_INET6, p, address, sizeof(address)));
        return true;
    }
    if (g->type == GEN_DNS) {
        printable_write((struct gw_str){ (const char *)ASN1_STRING_get0_data(g->d.dNSName),
                                         (size_t)ASN1_STRING_length(g->d.dNSName) },
                        out);
        return true;
    }
    if (cert_name_xmpp_addr(g).len) {
        gw_buf_add_cstr(out, "xmpp:");
        printable_write(cert_name_xmpp_addr(g), out);
        return true;
    }
    if (cert_name_srv(g).len) {
        gw_buf_add_cstr(out, "srv:");
        printable_write(cert_name_srv(g), out);
        return true;
    }
    return false;
}

static const char *const no_names[] = { NULL };

static const char *const *entry_alt_names(struct cert_entry *e, struct gw_buf *text)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(e->x509, NID_subject_alt_name, NULL, NULL);
    int count = all ? sk_GENERAL_NAME_num(all) : 0;
    const char **names;
    size_t used = 0;

    if (count > NAMES_MAX)
        count = NAMES_MAX;
    names = gw_arena_alloc(&e->arena, ((size_t)count + 1) * sizeof(*names));
    for (int i = 0; names && i < count; i++)
        if (alt_name_write(sk_GENERAL_NAME_value(all, i), text))
            names[used++] = entry_text(e, text);
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return names ? names : no_names;
}

static const char *entry_fingerprint(struct cert_entry *e, struct gw_buf *text)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(e->x509, EVP_sha256(), hash, &len))
        gw_hex_write((struct gw_str){ (char *)hash, len }, text);
    return entry_text(e, text);
}

static const char *entry_serial(struct cert_entry *e, struct gw_buf *text)
{
    const ASN1_INTEGER *n = X509_get0_serialNumber(e->x509);

    gw_hex_write(
        (struct gw_str){ (const char *)ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n) },
        text);
    return entry_text(e, text);
}

static const char *entry_key(struct cert_entry *e, struct gw_buf *text)
{
    EVP_PKEY *key = X509_get0_pubkey(e->x509);
    const char *kind = key ? EVP_PKEY_get0_type_name(key) : NULL;
    char group[64] = "";

    if (!kind) {
        gw_buf_add_cstr(text, "unknown");
        return entry_text(e, text);
    }
    (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
    gw_buf_addf(text, "%s%s%s, %d bits", kind, *group ? " " : "", group, EVP_PKEY_get_bits(key));
    return entry_text(e, text);
}

static const char *entry_signature(struct cert_entry *e, struct gw_buf *text)
{
    const char *name = OBJ_nid2sn(X509_get_signature_nid(e->x509));

    gw_buf_add_cstr(text, name ? name : "unknown");
    return entry_text(e, text);
}

static const char *entry_usages(struct cert_entry *e, struct gw_buf *text)
{
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(e->x509, NID_ext_key_usage, NULL, NULL);

    for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++) {
        char oid[80] = "";
        int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(all, i));

        if (nid == NID_undef)
            (void)OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(all, i), 1);
        gw_buf_addf(text, "%s%s", i ? ", " : "", nid == NID_undef ? oid : OBJ_nid2sn(nid));
    }
    sk_ASN1_OBJECT_pop_free(all, ASN1_OBJECT_free);
    return entry_text(e, text);
}

enum gw_code cert_pem_write(X509 *x509, struct gw_buf *out, struct gw_err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len = 0;

    if (bio && PEM_write_bio_X509(bio, x509))
        len = BIO_get_mem_data(bio, &pem);
    if (len > 0)
        gw_buf_add(out, pem, (size_t)len);
    BIO_free(bio);
    ERR_clear_error();
    return len > 0 ? GW_OK : gw_fail(err, GW_INTERNAL, "a certificate cannot be written as PEM");
}

enum gw_code cert_der_write(X509 *x509, struct gw_buf *out, struct gw_err *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);

    if (len > 0)
        gw_buf_add(out, der, (size_t)len);
    OPENSSL_free(der);
    ERR_clear_error();
    return len > 0 ? GW_OK : gw_fail(err, GW_INTERNAL, "a certificate cannot be written as DER");
}

enum gw_code cert_entry_new(X509 *x509, struct cert_entry **out, struct gw_err *err)
{
    struct cert_entry *e = gw_new(struct cert_entry);
    struct cert_info *info = &e->info;
    struct gw_buf text;

    gw_arena_init(&e->arena, INFO_MAX);
    gw_buf_init(&text, INFO_MAX / 4);
    X509_up_ref(x509);
    e->x509 = x509;
    info->fingerprint = entry_fingerprint(e, &text);
    info->subject = entry_name(e, X509_get_subject_name(x509), &text);
    info->issuer = entry_name(e, X509_get_issuer_name(x509), &text);
    info->names = entry_alt_names(e, &text);
    info->serial = entry_serial(e, &text);
    info->key = entry_key(e, &text);
    info->signature = entry_signature(e, &text);
    info->usages = entry_usages(e, &text);
    info->not_before = cert_time(X509_get0_notBefore(x509));
    info->not_after = cert_time(X509_get0_notAfter(x509));
    info->is_self_issued = !X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509));
    info->is_ca = X509_check_ca(x509) > 0;
    gw_buf_done(&text);
    ERR_clear_error();
    if (strlen(info->fingerprint) == 64 && info->not_before != GW_NEVER &&
        info->not_after != GW_NEVER) {
        *out = e;
        return GW_OK;
    }
    gw_fail(err, GW_BADMSG, "dates of certificate cannot be read: '%s'", info->subject);
    cert_entry_free(&e);
    return GW_BADMSG;
}

void cert_entry_free(struct cert_entry **ep)
{
    struct cert_entry *e = *ep;

    if (!e)
        return;
    *ep = NULL;
    X509_free(e->x509);
    gw_arena_done(&e->arena);
    free(e);
}
