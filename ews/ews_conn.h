/* A connection to a server that logs in by itself, then carries one request at a time.
 *
 *                .---------- Basic, a token, or logged in -----------------.
 *   IDLE --request--> HELLO --401: what is offered--> STEP --> LEG --answer--> IDLE
 *                                                      ^----401---'
 *
 * HELLO is the request without a body and without credentials: it shows what the server offers and
 * its certificate, which the login is bound to. NTLM's first token goes without the body too. Once
 * logged in, the connection is, and requests go as they are; a 401 then logs in anew, once. A server
 * that wants a Kerberos ticket with every request (IIS does unless told otherwise) gets it with every
 * request.
 *
 * Basic and OAuth know no login: their header goes with every request, as soon as there is a token. A
 * password that no server has taken yet goes by Basic only after HELLO has shown that somebody is there
 * who wants it.
 *
 * The contract of net_http_client.h: one request at a time, done comes once, never from inside start,
 * never after cancel or free. */
#ifndef EWS_CONN_H
#define EWS_CONN_H

#include "ews_account.h"
#include "ews_error.h"
#include "net_http_client.h"

struct ews_conn;

struct ews_conn_args {
    struct net_loop *loop;
    struct ews_account *account;        /* borrowed for life */
    const struct net_tls_policy *tls;   /* borrowed for life */
    struct net_http_sessions *sessions; /* of the server; NULL: none are kept */
    const char *host;                   /* of the server; copied */
};
struct ews_conn *ews_conn_new(const struct ews_conn_args *args);
void ews_conn_free(struct ews_conn **connp);

/* login is NULL when the request got through: then http is its answer. Otherwise the login failed,
 * and why; http may be NULL. Refusals are counted in the account already. Both borrowed for the
 * call, which may free the connection. */
typedef void ews_conn_done_fn(const struct net_http_answer *http, const struct ews_status *login,
                              void *ctx);

/* The request as net_http_start() takes it, without an Authorization header. Its time-out, if any,
 * bounds login and request together; but when the password is shown that is not known to be good ten
 * times as long is waited, at most EWS_TRY_MS. */
void ews_conn_start(struct ews_conn *conn, const struct net_http_request *request,
                    net_http_data_fn *on_data, ews_conn_done_fn *done, void *ctx);
void ews_conn_cancel(struct ews_conn *conn); /* done does not come; the connection is dropped */

/* Whether the request itself has left, not only what its login needs. */
bool ews_conn_has_sent(const struct ews_conn *conn);

/* The password is out, or about to be, and not answered. */
bool ews_conn_is_showing(const struct ews_conn *conn);

/* Was the account shown to the server since it was set and last refused? Only then an answer says
 * that it is good. */
bool ews_conn_is_proof(const struct ews_conn *conn);

#endif
