/* A SIP client of a user here, which answers a challenge as RFC 7616 says, computed here another way. */
#ifndef SIP_CLIENT_H
#define SIP_CLIENT_H

#include <openssl/evp.h>

#include "sip_digest.h"
#include "sip_test.h"

/* Everybody's password is "pw"; carl has none. */
static inline bool rig_credentials(struct gw_str user, struct sip_ha1 *out, const char **why,
                                   void *ctx)
{
    struct gw_str id = user, domain = { NULL, 0 };
    char a1[200];

    (void)ctx;
    *why = "no password";
    (void)gw_str_cut(user, "@", &id, &domain);
    if (gw_str_is(id, "carl"))
        return false;
    *why = "wrong password";
    (void)snprintf(a1, sizeof(a1), "%.*s:%.*s:pw", GW_STR_ARG(id), GW_STR_ARG(domain));
    out->has[SIP_SHA256] = out->has[SIP_MD5] = true;
    assert_true(EVP_Digest(a1, strlen(a1), out->is[SIP_SHA256], NULL, EVP_sha256(), NULL));
    assert_true(EVP_Digest(a1, strlen(a1), out->is[SIP_MD5], NULL, EVP_md5(), NULL));
    return true;
}

struct client {
    const char *user, *password, *algorithm; /* "bob"; NULL: "pw"; NULL: SHA-256 */
    const char *uri;                         /* in the response; NULL: that of the request */
    const char *realm;                       /* NULL: b.example */
    const char *from;                        /* in the request; NULL: the user */
    const char *to_tag;                      /* in a dialog; NULL: in none */
    struct sip_peer peer;
    char nonce[100]; /* empty: none yet */
    unsigned nc, cseq;
    char call_id[32];
};

static inline void client_init(struct client *c, const char *user)
{
    static unsigned calls;

    memset(c, 0, sizeof(*c));
    c->user = user;
    c->peer = (struct sip_peer){ .proto = SIP_UDP, .host = GW_STR("198.51.100.7"), .port = 40000 };
    (void)snprintf(c->call_id, sizeof(c->call_id), "call%u", ++calls);
}

static inline void hex_hash(const char *algorithm, const char *text, char out[65])
{
    unsigned char is[32];
    unsigned len;

    assert_true(EVP_Digest(text, strlen(text), is, &len,
                           strcmp(algorithm, "MD5") == 0 ? EVP_md5() : EVP_sha256(), NULL));
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", is[i]);
}

/* The header, with what the client knows. */
static inline void client_prove(struct client *c, const char *method, const char *request_uri,
                                struct gw_buf *out)
{
    const char *algorithm = c->algorithm ? c->algorithm : "SHA-256";
    const char *realm = c->realm ? c->realm : "b.example";
    const char *uri = c->uri ? c->uri : request_uri;
    char a1[300], a2[600], all[900], h1[65], h2[65], response[65];

    (void)snprintf(a1, sizeof(a1), "%s:%s:%s", c->user, realm, c->password ? c->password : "pw");
    (void)snprintf(a2, sizeof(a2), "%s:%s", method, uri);
    hex_hash(algorithm, a1, h1);
    hex_hash(algorithm, a2, h2);
    (void)snprintf(all, sizeof(all), "%s:%s:%08x:cn:auth:%s", h1, c->nonce, ++c->nc, h2);
    hex_hash(algorithm, all, response);
    gw_buf_addf(out,
                "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
                "response=\"%s\", algorithm=%s, cnonce=\"cn\", qop=auth, nc=%08x\r\n",
                c->user, realm, c->nonce, uri, response, algorithm, c->nc);
}

/* To: for REGISTER the user, else the URI. */
static inline void client_send(struct rig *r, struct client *c, const char *method, const char *uri,
                               const char *headers, const char *body)
{
    static unsigned branch;
    bool registers = strcmp(method, "REGISTER") == 0;
    char self[100];
    struct gw_buf b;

    (void)snprintf(self, sizeof(self), "sip:%s@b.example", c->from ? c->from : c->user);
    gw_buf_init(&b, SIP_MSG_MAX);
    gw_buf_addf(&b,
                "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5060;rport;branch=z9hG4bKc%u\r\n"
                "From: <%s>;tag=mine\r\nTo: <%s>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
                "Max-Forwards: 70\r\n",
                method, uri, ++branch, self, registers ? self : uri, c->to_tag ? ";tag=" : "",
                c->to_tag ? c->to_tag : "", c->call_id, ++c->cseq, method);
    if (c->nonce[0])
        client_prove(c, method, uri, &b);
    gw_buf_addf(&b, "%sContent-Length: %zu\r\n\r\n%s", headers, strlen(body), body);
    assert_false(b.failed);
    rig_receive_from(r, &c->peer, b.p);
    gw_buf_done(&b);
}

/* The nonce of the challenge that was taken last. */
static inline void client_learn(const struct rig *r, struct client *c)
{
    const char *at = strstr(r->sent[r->taken - 1].text, "nonce=\"");

    assert_non_null(at);
    (void)snprintf(c->nonce, sizeof(c->nonce), "%.*s", (int)strcspn(at + 7, "\""), at + 7);
    c->nc = 0;
}

/* A request, the challenge, and the request again; the answer comes next. */
static inline void client_ask(struct rig *r, struct client *c, const char *method, const char *uri,
                              const char *headers, const char *body)
{
    if (!c->nonce[0]) {
        client_send(r, c, method, uri, headers, body);
        rig_expect(r, "SIP/2.0 401 ", "WWW-Authenticate: Digest realm=\"b.example\"");
        client_learn(r, c);
    }
    client_send(r, c, method, uri, headers, body);
}

static inline void client_register(struct rig *r, struct client *c, const char *headers)
{
    client_ask(r, c, "REGISTER", "sip:b.example", headers, "");
}

#endif
