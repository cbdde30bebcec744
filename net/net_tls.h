/* TLS for streams and HTTP. net/ does not know certificates: a policy configures the OpenSSL
 * context, from certs/ or from a test. TLS 1.2 and up unless the policy says otherwise. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "gw_buf.h"
#include "gw_err.h"

struct ssl_st;            /* OpenSSL's SSL */
struct ssl_ctx_st;        /* OpenSSL's SSL_CTX */
struct x509_store_ctx_st; /* OpenSSL's X509_STORE_CTX */

/* Sets trust, verification and name checks (client), or certificate and key (server), on a fresh
 * context. A client that is given no trust refuses every server. One that shares sessions must verify
 * them itself, since OpenSSL does not when it resumes one. Called once per context: a context of net_tls_new()
 * serves many connections, the HTTP client makes a new one for each. */
typedef enum gw_code net_tls_policy_fn(struct ssl_ctx_st *ssl_ctx, void *ctx, struct gw_err *err);

struct net_tls_policy {
    net_tls_policy_fn *apply;
    void *ctx; /* borrowed as long as contexts made from it are in use */
};

/* A policy function for a client that takes any certificate: for stand-ins and tests only. */
enum gw_code net_tls_no_verification(struct ssl_ctx_st *ssl_ctx, void *ctx, struct gw_err *err);

/* For the verify callback of a policy: why the peer is refused, in words for an administrator. They
 * become the message of the failed connection or request, whose code is GW_DENIED. Without them the
 * message is OpenSSL's text of the verify error. */
void net_tls_explain(struct x509_store_ctx_st *store_ctx, const char *why);

/* The same for another callback of the handshake, which then fails. */
void net_tls_explain_ssl(struct ssl_st *ssl, const char *why);

enum net_tls_role { NET_TLS_CLIENT, NET_TLS_SERVER };

/* Counted: a stream holds a reference, so a policy can be replaced while connections stand. */
struct net_tls;
enum gw_code net_tls_new(enum net_tls_role role, const struct net_tls_policy *policy,
                         struct net_tls **out, struct gw_err *err);
/* A server's, from PEM: its certificate, chain and key. For stand-ins and tests. */
enum gw_code net_tls_new_pem(const char *cert_pem, const char *key_pem, struct net_tls **out,
                             struct gw_err *err);
struct net_tls *net_tls_ref(struct net_tls *tls);
void net_tls_unref(struct net_tls **tlsp);

#endif
