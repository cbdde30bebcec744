/* OAuth 2 client credentials (RFC 6749 4.4), as Exchange Online and hybrid organisations want them: an
 * access token is asked for at a token endpoint, and goes with each request (RFC 6750).
 *
 * The token is kept, and renewed while it is still good; whoever asks meanwhile gets the old one. One
 * request at a time is made for all who wait. A failure is told to those who ask in the next seconds
 * without another request. A request is a trial of the secret (ews_identity.h). */
#ifndef EWS_TOKEN_H
#define EWS_TOKEN_H

#include "ews_error.h"
#include "ews_identity.h"
#include "gw_buf.h"
#include "gw_list.h"
#include "net_loop.h"
#include "net_tls.h"

enum { EWS_BEARER_MAX = 16 * 1024, EWS_TOKEN_BODY_MAX = 64 * 1024 };

/* ---- the request and its answer ---- */

/* application/x-www-form-urlencoded. scope may be empty. */
void ews_token_request_write(const char *client_id, const char *client_secret, const char *scope,
                             struct gw_buf *out);

struct ews_token_http {
    enum gw_code code; /* as net_http_answer */
    const char *error;
    int status;
    struct gw_str body, content_type, retry_after, date;
    gw_utc now;
};

/* True: the token is added to 'token', and is good for *lifetime_s. False: why. */
bool ews_token_parse(const struct ews_token_http *http, struct gw_buf *token, int64_t *lifetime_s,
                     struct ews_status *why);

/* "https://login.example/tenant/oauth2/v2.0/token", or http; host may be NULL. */
enum gw_code ews_token_url_check(struct gw_str url, struct gw_str *host, struct gw_err *err);

/* ---- the token that is kept ---- */

struct ews_token;
struct ews_token_args {
    const char *url, *client_id, *scope; /* borrowed until others are set */
    const struct net_tls_policy *tls;    /* the same; NULL: http only */
    struct ews_identity *identity;       /* the same; its password is the secret */
};
struct ews_token *ews_token_new(struct net_loop *loop);
void ews_token_free(struct ews_token **tp); /* nobody waits any more */

/* What was got with the old ones is forgotten. NULL: nothing can be asked for; who waits is told. */
void ews_token_set(struct ews_token *t, const struct ews_token_args *args);

/* Who waits for a token. */
struct ews_token_wait {
    struct gw_list link;
    void (*done)(const char *token, const struct ews_status *why, void *ctx); /* one of the two */
    void *ctx;
};

/* The token, borrowed until the loop goes on; or NULL: done comes later, never from inside. */
const char *ews_token_get(struct ews_token *t, struct ews_token_wait *wait);
void ews_token_wait_cancel(struct ews_token_wait *wait); /* not waiting is fine, when zeroed too */

/* A server did not take the token: it is not given out any more. */
void ews_token_drop(struct ews_token *t, struct gw_str token);

#endif
