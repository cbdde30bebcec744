/* Authentication as IIS does it for /EWS: Basic (RFC 7617), NTLM and Negotiate ([MS-NTHT], RFC 4559),
 * Bearer (RFC 6750). An engine without sockets: a header's value, the connection's state and time go
 * in; an account, or what to answer 401 with, comes out.
 *
 *   NTLM and Negotiate authenticate the connection, not the request:
 *
 *   NOBODY --type 1--> HANDSHAKE (401, type 2) --type 3, right--> KNOWN: later requests need no header
 *      ^                   |                                         |
 *      '---- 401 ---- wrong, or another scheme          type 1 begins a new handshake
 *
 * Basic and Bearer stand in every request, and leave the connection as it was. */
#ifndef MOCK_AUTH_H
#define MOCK_AUTH_H

#include "mock_gss.h"
#include "mock_org.h"
#include "mock_token.h"

enum mock_scheme {
    MOCK_SCHEME_NEGOTIATE,
    MOCK_SCHEME_NTLM,
    MOCK_SCHEME_BASIC,
    MOCK_SCHEME_BEARER,
    MOCK_SCHEMES
};
const char *mock_scheme_name(enum mock_scheme scheme); /* "Negotiate" */

/* Extended Protection: whether NTLM and Negotiate must be bound to the TLS connection (RFC 5929
 * tls-server-end-point). A wrong binding, also one of zeros, is refused by all but 'off'; 'allow' takes
 * clients that send none. Over plain HTTP there is nothing to be bound to, and nothing is checked. */
enum mock_protection { MOCK_PROTECTION_OFF, MOCK_PROTECTION_ALLOW, MOCK_PROTECTION_REQUIRE };

/* Of one client access server. */
struct mock_auth_policy {
    enum mock_scheme offer[MOCK_SCHEMES]; /* in the order in which they are offered */
    size_t offers;
    bool joined; /* all in one WWW-Authenticate line, with commas (RFC 9110 11.6.1) */
    enum mock_protection protection;
    bool ntlm_v1; /* version 1, and LM, are not refused */
};

/* Negotiate and NTLM, where gss-ntlmssp is installed, and Basic; Extended Protection as on the front
 * end of a server of today: allow. */
void mock_auth_policy_default(struct mock_auth_policy *policy);

struct mock_auth;
struct mock_auth *mock_auth_new(struct mock_org *org); /* borrowed for life */
void mock_auth_free(struct mock_auth **authp);
struct mock_gss_home *mock_auth_gss(struct mock_auth *auth);
struct mock_tokens *mock_auth_tokens(struct mock_auth *auth);

/* What is known of a connection. */
struct mock_login;
struct mock_login *mock_login_new(void);
void mock_login_free(void *login); /* NULL is fine */

struct mock_auth_request {
    const struct mock_auth_policy *policy;
    struct mock_login *login;
    struct gw_str authorization; /* empty: there is none */
    struct gw_str end_point;     /* of the TLS connection, see net_http_end_point() */
};

enum { MOCK_CHALLENGES_MAX = 128 * 1024 };

/* The account, or NULL: 401. Values of WWW-Authenticate go to headers, each ending with NUL: with 401
 * the offers or the next token, and with an account the last token of a handshake if there is one.
 * 'why' says in a few words what became of it. */
const struct mock_account *mock_auth_check(struct mock_auth *auth,
                                           const struct mock_auth_request *request,
                                           struct gw_now now, struct gw_buf *headers,
                                           const char **why);

/* What is offered to who sent nothing. */
void mock_auth_offers(const struct mock_auth_policy *policy, struct gw_buf *headers);

#endif
