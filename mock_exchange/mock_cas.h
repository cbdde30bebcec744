/* One client access server: an address and port of its own, over HTTP or HTTPS, up or down, with its
 * own ways to log in and its own troubles. It serves /EWS/Exchange.asmx, /autodiscover/autodiscover.xml
 * and .svc, and /oauth2/v2.0/token (with any tenant in front) to get a bearer token from. */
#ifndef MOCK_CAS_H
#define MOCK_CAS_H

#include "mock_auth.h"
#include "mock_journal.h"
#include "mock_service.h"
#include "mock_throttle.h"
#include "mock_trouble.h"
#include "net_loop.h"

struct mock_cas_args {
    struct net_loop *loop;
    const struct mock_service *service; /* these borrowed for life */
    struct mock_auth *auth;
    struct mock_throttle *throttle;
    struct mock_journal *journal;
    const char *name;               /* "cas1": copied */
    const char *address;            /* to listen on: copied */
    uint16_t port;                  /* 0: any free one; kept over down and up */
    const char *cert_pem, *key_pem; /* HTTPS when set: copied */
    struct mock_auth_policy policy;
    void (*served)(void *ctx); /* after each request: subscriptions may be due */
    void *ctx;
};

struct mock_cas;
enum gw_code mock_cas_new(const struct mock_cas_args *args, struct mock_cas **out,
                          struct gw_err *err);
void mock_cas_free(struct mock_cas **casp);

const char *mock_cas_name(const struct mock_cas *cas);
uint16_t mock_cas_port(const struct mock_cas *cas);
struct mock_site *mock_cas_site(const struct mock_cas *cas);
struct mock_auth_policy *mock_cas_policy(struct mock_cas *cas); /* may be changed at any time */
bool mock_cas_is_up(const struct mock_cas *cas);
void mock_cas_url_write(const struct mock_cas *cas, struct gw_buf *out);

/* Another certificate, for connections from now on: those that stand keep theirs. Copied. GW_INVALID
 * when it is not on https. */
enum gw_code mock_cas_set_certificate(struct mock_cas *cas, const char *cert_pem,
                                      const char *key_pem, struct gw_err *err);
const char *mock_cas_address(const struct mock_cas *cas);
bool mock_cas_is_https(const struct mock_cas *cas);

/* Its clock goes wrong by that: Date headers, and all times that it says or decides by. */
void mock_cas_set_clock(struct mock_cas *cas, int64_t off_ms);
int64_t mock_cas_clock(const struct mock_cas *cas);

/* Down: connections are refused, those that stand are cut, no notification leaves. */
void mock_cas_down(struct mock_cas *cas);
enum gw_code mock_cas_up(struct mock_cas *cas, struct gw_err *err);

struct mock_cas_place *mock_cas_place(struct mock_cas *cas); /* to be changed */

/* To be changed through mock_troubles_*(); mock_cas_clear() also lets go of stalled requests. */
struct mock_troubles *mock_cas_troubles(struct mock_cas *cas);
void mock_cas_clear(struct mock_cas *cas);

#endif
