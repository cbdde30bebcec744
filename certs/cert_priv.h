/* What the files of certs/ share. */
#ifndef CERT_PRIV_H
#define CERT_PRIV_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "cert.h"
#include "cert_crl.h"
#include "cert_key.h"
#include "cert_name.h"
#include "cert_own.h"
#include "cert_tls.h"
#include "gw_arena.h"
#include "gw_buf.h"
#include "gw_list.h"

/* One certificate and what is said about it. */
struct cert_entry {
    X509 *x509;
    struct cert_info info; /* text in the arena */
    struct gw_arena arena;
};

/* --- cert_parse.c. None of these leaves anything in OpenSSL's error queue. */

/* Gives a stack; PEM of any number of certificates, one in DER, or PKCS#7 in either, nothing else. */
enum gw_code cert_parse(struct gw_str data, STACK_OF(X509) * *out, struct gw_err *err);

/* Gives; takes a reference to x509. */
enum gw_code cert_entry_new(X509 *x509, struct cert_entry **out, struct gw_err *err);
void cert_entry_free(struct cert_entry **ep);
enum gw_code cert_pem_write(X509 *x509, struct gw_buf *out, struct gw_err *err);
enum gw_code cert_der_write(X509 *x509, struct gw_buf *out, struct gw_err *err);

enum { CERT_NAME_TEXT_MAX = 64 }; /* two of them fit into a message */
/* "CN=...", cut to fit, for a message. Returns out. */
const char *cert_name_text(const X509_NAME *name, char out[CERT_NAME_TEXT_MAX]);

gw_utc cert_time(const ASN1_TIME *t); /* GW_NEVER: unreadable */

/* --- cert_name.c */
enum { CERT_NAME_MAX = 255 };
/* As it stands in a certificate: in A-labels, without the root's dot; an address in its canonical form. False: it
 * cannot be a name. */
bool cert_name_normal(struct gw_str name, char out[CERT_NAME_MAX + 1]);
bool cert_name_is_address(struct gw_str name);

/* The text of an alternative name of that type; .len 0: it is another one */
struct gw_str cert_name_xmpp_addr(const GENERAL_NAME *g);
struct gw_str cert_name_srv(const GENERAL_NAME *g);

/* --- cert_file.c */

/* Whole or not at all, and on disk. */
enum gw_code cert_file_write(const char *path, struct gw_str data, struct gw_err *err);
enum gw_code cert_file_read(const char *path, struct gw_buf *out, struct gw_err *err);
enum gw_code cert_folder_make(const char *path, struct gw_err *err); /* mode 0700 */
enum gw_code cert_file_fail(const char *path, int os, struct gw_err *err);
bool cert_name_is_valid(const char *name); /* of a set or an identity */

void cert_secret_done(struct gw_buf *buf); /* wipes, and frees */

/* --- cert_key.c */
struct cert_key {
    EVP_PKEY *pkey;
    STACK_OF(X509) * certs; /* that came with it, its own first; or NULL */
};
/* As a block of PEM, sealed for the identity when the store has a sealer. */
enum gw_code cert_own_key_write(const struct cert_store *s, const char *identity, EVP_PKEY *key,
                                struct gw_buf *out, struct gw_err *err);
enum gw_code cert_own_key_read(const struct cert_store *s, const char *identity, struct gw_str pem,
                               const char *path, EVP_PKEY **out, bool *sealed, struct gw_err *err);

/* --- cert_make.c */
struct cert_make_args {
    struct cert_subject subject; /* names checked */
    bool ca;                     /* of others; has no names */
    int days;
    gw_utc now;
    X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key;
};
X509 *cert_make(const struct cert_make_args *args, EVP_PKEY *key); /* gives; NULL: it failed */
enum gw_code cert_names_check(const struct gw_str *names, size_t count, struct gw_err *err);
X509_REQ *cert_make_request(const struct cert_subject *subject, EVP_PKEY *key); /* the same */
enum gw_code cert_subject_check(const struct cert_subject *subject, struct gw_err *err);
enum gw_code cert_key_write(EVP_PKEY *key, struct gw_buf *out, struct gw_err *err); /* PEM */

/* --- cert_tls.c */
struct cert_tls_source {
    const struct cert_store *store;
    enum cert_purpose purpose;
    void (*start)(SSL *ssl, void *ctx); /* when a handshake begins; NULL: nothing to do */
    struct cert_result *(*result)(SSL *ssl, void *ctx); /* of a server; NULL: none is asked for */
    bool lenient; /* a handshake goes on although the result is bad */
    void *ctx;
};
/* The one whose settings hold for it. */
enum cert_purpose cert_tls_purpose(enum cert_purpose purpose);
/* Connections of the context follow the settings; source is borrowed as long as it is in use. */
void cert_tls_follow(SSL_CTX *ctx, struct cert_tls_source *source);

/* --- cert_staple.c: what is wrong with the server's certificate by its stapled response; NULL: nothing. The
 * chain was verified. */
const char *cert_staple_problem(SSL *ssl, bool required);

/* --- cert_identity.c: certificates and key of one file */
struct cert_identity {
    struct gw_list link; /* in the store's list */
    struct cert_store *store;
    struct cert_tls_source source;
    char *name, *path, *request_path;
    unsigned users;
    struct cert_entry *entry;
    STACK_OF(X509) * chain; /* behind the certificate itself */
    EVP_PKEY *key;
};
/* Replaces file and memory; all of it is borrowed. On failure nothing has changed. */
enum gw_code cert_identity_replace(struct cert_identity *id, X509 *x509, STACK_OF(X509) * chain,
                                   EVP_PKEY *key, struct gw_err *err);
/* In the subject of what we make: only that is ever made anew by itself. */
#define CERT_SELF_SIGNED_ORGANISATION "Kalends self-signed"
struct cert_identity *cert_identity_of(struct cert_store *s,
                                       struct gw_str name); /* open; or NULL */
enum gw_code cert_key_read(struct gw_str pem, const char *path, EVP_PKEY **out, struct gw_err *err);
net_tls_policy_fn cert_identity_apply; /* its ctx is the identity; for either role */
enum gw_code cert_mode_check(const char *path, struct gw_err *err); /* nobody else may read it */

/* --- cert_store.c */
struct cert_set {
    struct gw_list link;
    char *name, *folder;
    struct cert_entry **entry; /* sorted by fingerprint */
    size_t count;
    STACK_OF(X509) * trusted; /* the same certificates, as OpenSSL takes them */
    STACK_OF(X509_CRL) * crls;
};

struct cert_store {
    char *folder;
    struct gw_list sets;       /* those in use; loaded when first asked for */
    struct gw_list identities; /* that are open */
    struct cert_sealer sealer;
    const struct cert_settings *settings; /* NULL: defaults */
    struct cert_shown *shown;             /* CERT_SHOWN_MAX; NULL: no peer has shown one */
    size_t shown_count;
    unsigned users; /* identities and clients */
};

enum gw_code cert_set_get(struct cert_store *s, const char *name, struct cert_set **out,
                          struct gw_err *err);

/* --- cert_crl.c */
#define CERT_CRL_SUFFIX ".crl"
enum gw_code cert_crl_parse(struct gw_str data, X509_CRL **out, struct gw_err *err); /* gives */
void cert_crl_tell(const struct cert_set *set, X509_CRL *crl, cert_crl_fn *each, void *ctx);
enum gw_code cert_crl_load(struct cert_set *set, const char *path, struct gw_str id,
                           struct gw_err *err);
/* By any list of its issuer; GW_NEVER: it is on none */
gw_utc cert_crl_revoked_since(const struct cert_set *set, X509 *x509);

/* --- cert_expiry.c: a peer has shown a certificate that passed */
void cert_expiry_note(struct cert_store *s, struct gw_str where, X509 *x509);

/* --- cert_verify.c */
struct cert_check {
    struct cert_store *store;
    const struct cert_set *set;
    enum cert_purpose purpose;
    const struct gw_str *names; /* of which the peer must bear one */
    size_t names_count;         /* 0: whoever it is */
};
/* True: it passes. Otherwise the error is left in ctx; whoever refuses the connection hands the text to net/. */
bool cert_verify(X509_STORE_CTX *ctx, const struct cert_check *check, struct cert_result *out);

const char *cert_fault_reason(
    int error); /* "key too weak"; NULL: it is no fault of a certificate */

/* --- cert_client.c: what the last handshake showed is kept, for a look at it. */
struct cert_seen {
    X509 *leaf;
    STACK_OF(X509) * sent;
    X509 *bad; /* of the chain, for which that was refused; or NULL */
    const char *bad_reason;
    const char *protocol, *cipher;
};
void cert_client_keep(struct cert_client *c, enum cert_purpose purpose,
                      struct cert_identity *shown); /* to a server that asks; NULL: nothing */
const struct cert_seen *cert_client_seen(const struct cert_client *c); /* NULL: none came */
const char *cert_client_host(const struct cert_client *c);             /* in A-labels */
const struct cert_set *cert_client_set(const struct cert_client *c);

/* --- cert_chain.c: gives; sent is what the server has sent, and what was fetched for it. */
struct cert_chain;
struct cert_chain *cert_chain_new(const struct cert_set *set, const struct cert_seen *seen,
                                  STACK_OF(X509) * sent, gw_utc now);

char *cert_path(const char *folder, const char *name, const char *suffix); /* free() */

#endif
