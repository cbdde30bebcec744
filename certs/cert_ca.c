#include "cert_ca.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cert_priv.h"
#include "gw_mem.h"

/* Certificates and key to their two files. */
static enum gw_code pair_write(const char *cert_path_text, const char *key_path, X509 *x509,
                               X509 *issuer, EVP_PKEY *key, struct gw_err *err)
{
    struct gw_buf certs, secret;
    enum gw_code code;

    gw_buf_init(&certs, CERT_UPLOAD_MAX);
    gw_buf_init(&secret, CERT_UPLOAD_MAX);
    code = cert_pem_write(x509, &certs, err);
    if (!code && issuer)
        code = cert_pem_write(issuer, &certs, err);
    if (!code)
        code = cert_key_write(key, &secret, err);
    if (!code)
        code = cert_file_write(key_path, gw_buf_str(&secret), err);
    if (!code)
        code = cert_file_write(cert_path_text, gw_buf_str(&certs), err);
    gw_buf_done(&certs);
    cert_secret_done(&secret);
    return code;
}

static enum gw_code make_and_write(const struct cert_make_args *args, const char *cert_path_text,
                                   const char *key_path, struct gw_err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = key ? cert_make(args, key) : NULL;
    enum gw_code code;

    if (x509)
        code = pair_write(cert_path_text, key_path, x509, args->issuer, key, err);
    else
        code = gw_fail(err, GW_INTERNAL, "cannot make a certificate: %s",
                       ERR_reason_error_string(ERR_peek_last_error()));
    X509_free(x509);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return code;
}

enum gw_code cert_ca_create(const char *folder, gw_utc now, struct gw_err *err)
{
    struct cert_make_args args = { .subject = { .organisation = GW_STR(CERT_CA_ORGANISATION),
                                                .cn = GW_STR("Kalends laboratory root") },
                                   .ca = true,
                                   .days = CERT_CA_DAYS,
                                   .now = now };
    char *root = cert_path(folder, CERT_CA_ROOT, ""), *key = cert_path(folder, CERT_CA_KEY, "");
    enum gw_code code = cert_folder_make(folder, err);

    if (!code && !access(key, F_OK))
        code = gw_fail(err, GW_EXISTS, "'%s' has a root already", folder);
    if (!code)
        code = make_and_write(&args, root, key, err);
    free(root);
    free(key);
    return code;
}

/* --- issuing */

static enum gw_code root_read(const char *folder, X509 **x509, EVP_PKEY **key, struct gw_err *err)
{
    char *root_path = cert_path(folder, CERT_CA_ROOT, "");
    char *key_path = cert_path(folder, CERT_CA_KEY, "");
    STACK_OF(X509) *stack = NULL;
    struct gw_buf pem, secret;
    enum gw_code code = cert_mode_check(key_path, err);

    gw_buf_init(&pem, CERT_UPLOAD_MAX);
    gw_buf_init(&secret, CERT_UPLOAD_MAX);
    if (!code)
        code = cert_file_read(root_path, &pem, err);
    if (!code)
        code = cert_parse(gw_buf_str(&pem), &stack, err);
    if (!code)
        code = cert_file_read(key_path, &secret, err);
    if (!code)
        code = cert_key_read(gw_buf_str(&secret), key_path, key, err);
    if (!code)
        *x509 = sk_X509_shift(stack);
    sk_X509_pop_free(stack, X509_free);
    gw_buf_done(&pem);
    cert_secret_done(&secret);
    free(root_path);
    free(key_path);
    return code;
}

/* A file of the name: what is special there is not. */
static char *file_of(const char *folder, struct gw_str name, const char *suffix)
{
    char *text = gw_str_dup(name), *path;

    for (char *c = text; *c; c++)
        if (*c == '/' || *c == '*' || *c == ':')
            *c = '_';
    path = cert_path(folder, text, suffix);
    free(text);
    return path;
}

enum gw_code cert_ca_issue(const char *folder, const struct gw_str *names, size_t count, int days,
                           gw_utc now, char **cert_path_out, char **key_path_out,
                           struct gw_err *err)
{
    struct cert_make_args args = { .subject = { .organisation = GW_STR(CERT_CA_ORGANISATION),
                                                .cn = names[0],
                                                .names = names,
                                                .names_count = count },
                                   .days = days,
                                   .now = now };
    char *cert = file_of(folder, names[0], ".pem"), *key = file_of(folder, names[0], ".key");
    enum gw_code code = cert_names_check(names, count, err);

    if (!code && gw_str_is(names[0], "root"))
        code = gw_fail(err, GW_INVALID, "'root' is the authority's own name");
    if (!code)
        code = root_read(folder, &args.issuer, &args.issuer_key, err);
    if (!code)
        code = make_and_write(&args, cert, key, err);
    X509_free(args.issuer);
    EVP_PKEY_free(args.issuer_key);
    if (code) {
        free(cert);
        free(key);
        return code;
    }
    *cert_path_out = cert;
    *key_path_out = key;
    return GW_OK;
}
