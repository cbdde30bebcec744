/* What the tests of net/ share: a loop that cannot hang, peers made of bare sockets, which can do
 * everything wrong, and a certificate. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gw_buf.h"
#include "gw_mem.h"
#include "net_loop.h"
#include "net_tls.h"

/* No name: resolvers know it without asking anybody, so that tests need no name server. */
#define LABEL_TOO_LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* --- the loop --- */

enum { BED_PATIENCE_MS = 10000 };

struct bed {
    struct net_loop *loop;
    struct net_timer *guard;
    bool stuck;
};

static inline void bed_on_guard(struct gw_now now, void *ctx)
{
    struct bed *bed = ctx;

    (void)now;
    bed->stuck = true;
    net_loop_stop(bed->loop);
}

static inline void bed_init(struct bed *bed)
{
    *bed = (struct bed){ .loop = net_loop_new() };
    bed->guard = net_timer_new(bed->loop, bed_on_guard, bed);
}

static inline void bed_done(struct bed *bed)
{
    net_timer_free(&bed->guard);
    net_loop_free(&bed->loop);
}

/* Until somebody stops the loop. */
static inline void bed_run(struct bed *bed)
{
    net_timer_set(bed->guard, net_loop_now(bed->loop).mono + BED_PATIENCE_MS);
    net_loop_run(bed->loop);
    if (bed->stuck)
        fail_msg("nothing happens any more");
}

/* For "nothing comes": lets a few milliseconds pass. */
static inline void bed_on_pause(struct gw_now now, void *ctx)
{
    (void)now;
    net_loop_stop(((struct bed *)ctx)->loop);
}

static inline void bed_run_ms(struct bed *bed, int ms)
{
    struct net_timer *t = net_timer_new(bed->loop, bed_on_pause, bed);

    net_timer_set(t, net_loop_now(bed->loop).mono + ms);
    bed_run(bed);
    net_timer_free(&t);
}

/* --- a bare socket --- */

struct raw {
    struct bed *bed;
    int fd;
    struct net_watch *watch;
    struct gw_buf in;
    const char *until; /* stop the loop when this has come */
    bool eof;
};

static inline void raw_on_readable(int fd, int events, void *ctx)
{
    struct raw *raw = ctx;
    char chunk[16384];
    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        gw_buf_add(&raw->in, chunk, (size_t)n);
    } else {
        raw->eof = true;
        net_watch_set(raw->watch, 0);
    }
    if (raw->eof || (raw->until && strstr(raw->in.p, raw->until)))
        net_loop_stop(raw->bed->loop);
}

static inline void raw_init(struct raw *raw, struct bed *bed, int fd)
{
    *raw = (struct raw){ .bed = bed, .fd = fd };
    gw_buf_init(&raw->in, 64 * 1024 * 1024);
    raw->watch = net_watch_new(bed->loop, fd, raw_on_readable, raw);
}

static inline void raw_connect(struct raw *raw, struct bed *bed, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    raw_init(raw, bed, fd);
}

static inline void raw_done(struct raw *raw)
{
    net_watch_free(&raw->watch);
    if (raw->fd >= 0)
        (void)close(raw->fd);
    raw->fd = -1;
    gw_buf_done(&raw->in);
}

static inline void raw_send(struct raw *raw, const char *text)
{
    assert_int_equal(send(raw->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Runs the loop until 'text' has come, or the end when NULL. */
static inline void raw_expect(struct raw *raw, const char *text)
{
    raw->until = text;
    if (text && raw->in.p && strstr(raw->in.p, text))
        return;
    if (!raw->eof) {
        net_watch_set(raw->watch, NET_IO_READ);
        bed_run(raw->bed);
        net_watch_set(raw->watch, 0);
    }
    if (text && (!raw->in.p || !strstr(raw->in.p, text)))
        fail_msg("no '%s' in '%s'", text, raw->in.p ? raw->in.p : "");
    if (!text)
        assert_true(raw->eof);
}

static inline void raw_forget(struct raw *raw)
{
    gw_buf_reset(&raw->in);
    gw_buf_add(&raw->in, "", 0);
}

/* A socket with a free port of 127.0.0.1, on which connections are refused. */
static inline int raw_bind(uint16_t *port)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *port = ntohs(in.sin_port);
    return fd;
}

/* The same, listening. */
static inline int raw_listen(uint16_t *port)
{
    int fd = raw_bind(port);

    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* --- certificates --- */

struct identity {
    X509 *cert;
    EVP_PKEY *key;
    char *cert_pem, *key_pem;
};

static inline char *identity_text(BIO *bio)
{
    char *p;
    long len = BIO_get_mem_data(bio, &p);
    char *text = gw_str_dup((struct gw_str){ p, (size_t)len });

    BIO_free(bio);
    return text;
}

/* Self-signed; 'names' as X509v3 writes them: "DNS:localhost,IP:127.0.0.1". */
static inline void identity_init(struct identity *id, const char *names, const EVP_MD *md)
{
    X509_NAME *name;
    X509_EXTENSION *ext;
    BIO *bio;

    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    assert_non_null(id->key);
    assert_int_equal(X509_set_version(id->cert, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(id->cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
    name = X509_get_subject_name(id->cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(id->cert, name);
    X509_set_pubkey(id->cert, id->key);
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(ext);
    X509_add_ext(id->cert, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(id->cert, id->key, md) > 0);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, id->cert);
    id->cert_pem = identity_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, id->key, NULL, NULL, 0, NULL, NULL);
    id->key_pem = identity_text(bio);
}

static inline void identity_done(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
    free(id->cert_pem);
    free(id->key_pem);
}

static inline enum gw_code identity_serve(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    const struct identity *id = arg;

    if (SSL_CTX_use_certificate(ctx, id->cert) != 1 || SSL_CTX_use_PrivateKey(ctx, id->key) != 1)
        return gw_fail(err, GW_INVALID, "no identity");
    return GW_OK;
}

/* Trusts this one certificate, for the name 'localhost'. */
static inline enum gw_code identity_trust(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    const struct identity *id = arg;

    (void)err;
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), id->cert);
    X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), "localhost", 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return GW_OK;
}

/* Trusts nobody, and says why. */
static inline int refuse_verify(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    net_tls_explain(store, "nobody is trusted here");
    return 0;
}

static inline enum gw_code identity_refuse(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    (void)arg;
    (void)err;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, refuse_verify);
    return GW_OK;
}

/* Sets nothing at all. */
static inline enum gw_code identity_forget(SSL_CTX *ctx, void *arg, struct gw_err *err)
{
    (void)ctx;
    (void)arg;
    (void)err;
    return GW_OK;
}

#endif
