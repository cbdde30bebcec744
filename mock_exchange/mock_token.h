/* Bearer tokens (RFC 6750) and the endpoint that gives them: OAuth 2 client credentials (RFC 6749
 * 4.4), with the accounts as clients. An engine without sockets. */
#ifndef MOCK_TOKEN_H
#define MOCK_TOKEN_H

#include "mock_org.h"

enum { MOCK_TOKENS_MAX = 10000 }; /* then the oldest one ends early */

struct mock_tokens;
struct mock_tokens *mock_tokens_new(void);
void mock_tokens_free(struct mock_tokens **tp);
void mock_tokens_set_life(struct mock_tokens *t, int64_t ms); /* of those given from now on */
int64_t mock_tokens_life(const struct mock_tokens *t);

/* One request to the endpoint. */
struct mock_token_request {
    struct gw_str method, content_type, authorization, body;
};
struct mock_token_answer {
    int status;        /* 200; 400, 401, 405 with an error of RFC 6749 5.2 in the body */
    bool basic;        /* 401 to credentials in the header: WWW-Authenticate: Basic goes with it */
    const char *error; /* NULL: a token was given */
};
/* The JSON goes to out. */
struct mock_token_answer mock_token_serve(struct mock_tokens *t, struct mock_org *org,
                                          const struct mock_token_request *request,
                                          struct gw_now now, struct gw_buf *out);

/* Whose token that is; NULL: not one of ours, or its time is over. */
const char *mock_token_account(struct mock_tokens *t, struct gw_str token, struct gw_now now);

/* As if the time of all of them were over. */
void mock_tokens_expire(struct mock_tokens *t);

#endif
