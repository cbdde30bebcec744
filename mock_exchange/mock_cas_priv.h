/* What the files of a client access server share. */
#ifndef MOCK_CAS_PRIV_H
#define MOCK_CAS_PRIV_H

#include "mock_cas.h"
#include "net_http_server.h"

struct mock_cas {
    struct net_loop *loop;
    const struct mock_service *service;
    struct mock_auth *auth;
    struct mock_auth_policy policy;
    struct mock_throttle *throttle;
    struct mock_journal *journal;
    char *name, *address, *cert_pem, *key_pem;
    uint16_t port;
    struct mock_site *site;
    struct mock_cas_place place;
    struct net_http_server *server; /* NULL: down */
    struct mock_troubles troubles;
    struct gw_list held;
    struct mock_quiet quiet; /* a trouble told everybody to wait */
    int64_t clock_ms;        /* its clock is wrong by that */
    void (*served)(void *ctx);
    void *ctx;
};

extern const char mock_cas_xml_type[];

struct gw_now mock_cas_now(const struct mock_cas *cas);                   /* by its own clock */
void mock_cas_headers(struct mock_cas *cas, struct net_http_exchange *x); /* of every answer */
void mock_cas_answer(struct mock_cas *cas, struct net_http_exchange *x, int status,
                     const char *type, struct gw_str body);
void mock_cas_html(struct mock_cas *cas, struct net_http_exchange *x, int status);
void mock_cas_offers(struct mock_cas *cas, struct net_http_exchange *x); /* WWW-Authenticate */

/* Trouble instead of an answer; false: it needs the answer. */
bool mock_cas_refuse(struct mock_cas *cas, struct net_http_exchange *x,
                     const struct mock_trouble *t, struct mock_served *served);

/* Trouble that is made with the right answer. The charge (NULL: there is none) is taken when the
 * answer is given later. */
void mock_cas_spoil(struct mock_cas *cas, struct net_http_exchange *x, const struct mock_trouble *t,
                    int status, const struct gw_buf *out, struct mock_charge **charged);

void mock_cas_let_go(struct mock_cas *cas); /* of all that are held */

#endif
