/* What clients and connections see of an account. */
#ifndef EWS_ACCOUNT_PRIV_H
#define EWS_ACCOUNT_PRIV_H

#include "ews_account.h"
#include "ews_login.h"
#include "ews_token.h"
#include "gw_list.h"

struct ews_client;
struct ews_account {
    struct net_pool *pool;
    struct net_loop *loop;
    enum ews_auth auth;
    char *name, *password;
    unsigned epoch; /* from 1; grows with each change: what came of an older one says nothing */
    unsigned
        doubt;   /* grows with each change and each refusal: what was shown before proves nothing */
    bool proven; /* some server has taken it */

    gw_time refused[EWS_REFUSALS_MAX]; /* the oldest first */
    unsigned refused_count;
    void (*refusals_changed)(void *ctx); /* or NULL */
    void *refusals_ctx;
    struct gw_list clients;
    struct ews_client *trying; /* whose call is to prove it; NULL: nobody's */

    struct gw_list trials, trials_waiting;
    struct net_timer *trials_timer;
    struct ews_cred *cred; /* NULL: not used yet */
    char *token_url, *token_scope;
    struct ews_token *token;
};

void ews_account_refused(struct ews_account *a, unsigned epoch, gw_time now);
void ews_account_taken(struct ews_account *a, unsigned epoch);
gw_time ews_account_locked_until(const struct ews_account *a, gw_time now); /* 0: not locked */
bool ews_account_is_locked(const struct ews_account *a, gw_time now, struct ews_status *why);
struct ews_cred *ews_account_cred(struct ews_account *a); /* borrowed */

/* A login that is about to present the password. So few run at once that the account is not locked
 * out when all of them are refused, nor the threads taken up when Kerberos does not answer: it ends
 * when the thread has ended, too. */
struct ews_trial {
    struct gw_list link;
    struct ews_account *account; /* NULL: not begun, or the account is gone */
    unsigned epoch;
    void (*go)(void *ctx);
    void *ctx;
};
/* True: go on. False: go() is called later, to go on if the account is not locked by then. */
bool ews_trial_begin(struct ews_trial *t, struct ews_account *a, void (*go)(void *ctx), void *ctx);
void ews_trial_end(struct ews_trial *t); /* not begun is fine, when zeroed */

/* ews_client.c */
struct ews_client *ews_client_of_account(struct gw_list *link);

#endif
