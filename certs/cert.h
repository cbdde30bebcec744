/* Certificates: whom we trust, by purpose, and who we are. A folder of PEM files:
 *
 *   FOLDER/SET/FINGERPRINT.pem   one trusted certificate each; the sets: cert_trust_sets
 *   FOLDER/SET/ID.crl            revocation lists (cert_crl.h)
 *   FOLDER/IDENTITY.pem          certificate, its chain, and the private key, mode 0600: "cup-xmpp"
 *   FOLDER/IDENTITY.request.pem  a request that waits for its certificate, and its key
 *
 * Keys are sealed, when there is a sealer; one that an administrator put there in clear is sealed when
 * it is read, unless the file is a link: that is followed and left alone.
 *
 * Every change is live: the next handshake sees it, whichever context it runs in. Only what is in a
 * set is trusted, the system's certificate authorities are not; there is no way to switch
 * verification off. Loop thread only. Adding and removing write small files and wait for the disk:
 * an administrator's act, not one of every second.
 *
 * Whether a certificate is valid today is OpenSSL's own look at the clock; it has no other. */
#ifndef CERT_H
#define CERT_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"
#include "net_tls.h"

#define CERT_TRUST_EXCHANGE "cup-trust" /* and SIP */
#define CERT_TRUST_XMPP     "cup-xmpp-trust"

#define CERT_IDENTITY_SIP      "cup"          /* SIP, and whoever else has none of its own */
#define CERT_IDENTITY_XMPP     "cup-xmpp"     /* XMPP clients */
#define CERT_IDENTITY_XMPP_S2S "cup-xmpp-s2s" /* XMPP servers */

enum {
    CERT_UPLOAD_MAX = 256 * 1024, /* bytes of one upload: a long chain has 20 KB */
    CERT_CHAIN_MAX = 64,          /* certificates in one upload or identity */
    CERT_TRUST_MAX = 1000         /* certificates in a set: a system's whole bundle has 150 */
};

struct cert_store;

/* Makes the folder (mode 0700) when it is not there, its parent must exist. */
enum gw_code cert_store_open(const char *folder, struct cert_store **out, struct gw_err *err);
void cert_store_close(struct cert_store **sp); /* after every identity and client of it */

/* Seals private keys for the disk, bound to a context. Borrowed as long as the store is open. Called before
 * the first identity is opened; without it keys lie in clear, readable by their owner alone. */
struct cert_sealer {
    void (*seal)(struct gw_str context, struct gw_str secret, struct gw_buf *out, void *ctx);
    enum gw_code (*unseal)(struct gw_str context, struct gw_str sealed, struct gw_buf *out,
                           struct gw_err *err, void *ctx);
    void *ctx;
};
void cert_store_sealer_set(struct cert_store *s, const struct cert_sealer *sealer);

/* One certificate, for people. Borrowed as long as what it describes is unchanged. */
struct cert_info {
    const char *fingerprint;      /* SHA-256, 64 lower-case hex digits */
    const char *subject, *issuer; /* RFC 2253, UTF-8: "CN=mail.example.com,O=Example" */
    const char *const *names;     /* subject alternative names: host names, addresses; then NULL */
    const char *serial;           /* hex digits */
    const char *key;              /* "RSA, 2048 bits", "EC P-256, 256 bits" */
    const char *signature;        /* "ecdsa-with-SHA256" */
    const char *usages;           /* extended key usage: "serverAuth, clientAuth"; "": any */
    gw_utc not_before, not_after;
    bool is_self_issued; /* subject and issuer are the same name */
    bool is_ca;
};

/* --- trust sets, by purpose */

struct cert_trust_set {
    const char *name, *purpose; /* "cup-trust", "Exchange and SIP servers" */
};
extern const struct cert_trust_set cert_trust_sets[]; /* ends with a NULL name */
enum gw_code cert_trust_set_find(struct gw_str name, const struct cert_trust_set **out,
                                 struct gw_err *err); /* GW_NOTFOUND, naming those that there are */

typedef void cert_info_fn(const struct cert_info *info, void *ctx);

/* PEM with any number of certificates, one in DER, or PKCS#7 (.p7b) in either. All of it or nothing:
 * an upload with anything unreadable, or with a private key in it, is refused. What is trusted already is no error; *added
 * (may be NULL) counts the others, each (may be NULL) is told of all. */
enum gw_code cert_trust_add(struct cert_store *s, const char *set, struct gw_str data,
                            unsigned *added, cert_info_fn *each, void *ctx, struct gw_err *err);
enum gw_code cert_trust_remove(struct cert_store *s, const char *set, struct gw_str fingerprint,
                               struct gw_err *err); /* GW_NOTFOUND */

/* One of them: told of it, and its DER written (either may be NULL). GW_NOTFOUND. */
enum gw_code cert_trust_get(struct cert_store *s, const char *set, struct gw_str fingerprint,
                            cert_info_fn *each, void *ctx, struct gw_buf *der, struct gw_err *err);

/* Ordered by fingerprint. */
enum gw_code cert_trust_each(struct cert_store *s, const char *set, cert_info_fn *each, void *ctx,
                             struct gw_err *err);

/* --- clients: verification of a server's certificate */

/* What a look at a server's certificate came to, in the words that administrators know. */
enum cert_verdict {
    CERT_NOT_SEEN, /* no handshake yet */
    CERT_VERIFIED,
    CERT_MISSING_FROM_CHAIN,
    CERT_CN_MISMATCH,
    CERT_SAN_MISMATCH,
    CERT_BAD,           /* signature, algorithm, dates, purpose */
    CERT_NETWORK_ERROR, /* no certificate came: not reached, no answer, no TLS */
    CERT_FAILED
};
const char *cert_verdict_name(enum cert_verdict v); /* "Failed: SAN mismatch" */

struct cert_result {
    enum cert_verdict verdict;
    char text[sizeof(((struct gw_err *)0)->msg)]; /* what failed, the certificate, what to do */
};

/* Verification against a set for one host: an FQDN, or an IPv4 or IPv6 address (brackets are taken
 * off). It must be the subject CN or one of the subject alternative names; a wildcard stands for
 * exactly one whole label, the leftmost; an address counts when listed as one, or as CN. Any
 * certificate in the set is a trust anchor, a server's own included. */
struct cert_client;
enum gw_code cert_client_new(struct cert_store *s, const char *set, struct gw_str host,
                             struct cert_client **out, struct gw_err *err);
void cert_client_free(struct cert_client **cp); /* after all that was made from its policy */

/* For net_tls_new() and HTTP slots; its ctx is the client. Refused connections end with the text of
 * the result. A session is resumed only if the certificates it was made with pass at that moment. */
struct net_tls_policy cert_client_policy(struct cert_client *c);
const struct cert_result *cert_client_last(const struct cert_client *c); /* of the last handshake */

/* --- identities: our own certificate as a server */

struct cert_identity_args {
    const char *name;           /* CERT_IDENTITY_XMPP */
    const struct gw_str *names; /* for a self-signed one: host names, addresses. The first is CN */
    size_t names_count;         /* 0: "localhost" */
    gw_utc now;
};

/* Reads the identity; makes a self-signed one (ECDSA P-256, ten years) when there is none. Who opens one that
 * is open already gets the same one; each closes it. */
struct cert_identity;
enum gw_code cert_identity_open(struct cert_store *s, const struct cert_identity_args *args,
                                struct cert_identity **out, struct gw_err *err);
void cert_identity_close(struct cert_identity **ip); /* after all that was made from its policy */

/* The file was replaced: the next handshake shows the new one. On failure the old one stays. */
enum gw_code cert_identity_reload(struct cert_identity *id, struct gw_err *err);

/* When the identity is a self-signed one of our making, and lacks one of the names or ends within
 * 30 days: makes it anew. Otherwise nothing happens. For a domain that was added. */
enum gw_code cert_identity_cover(struct cert_identity *id, const struct gw_str *names,
                                 size_t names_count, gw_utc now, struct gw_err *err);

bool cert_identity_is_ours(const struct cert_identity *id); /* self-signed, of our making */

const struct cert_info *cert_identity_info(const struct cert_identity *id);
struct net_tls_policy cert_identity_policy(struct cert_identity *id); /* NET_TLS_SERVER */

#endif
