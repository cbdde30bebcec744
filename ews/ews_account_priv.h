/* What clients and connections see of an account. */
#ifndef EWS_ACCOUNT_PRIV_H
#define EWS_ACCOUNT_PRIV_H

#include "ews_account.h"
#include "ews_identity.h"
#include "ews_login.h"
#include "ews_token.h"
#include "gw_list.h"

struct ews_client;
struct ews_account {
    struct net_pool *pool;
    struct net_loop *loop;
    enum ews_auth auth;
    char *name;
    struct ews_identities *identities;
    struct ews_identity *identity;       /* NULL: not set yet */
    struct gw_list identity_link;        /* in identity->accounts */
    void (*refusals_changed)(void *ctx); /* or NULL */
    void *refusals_ctx;
    struct gw_list clients;
    struct ews_cred *cred; /* NULL: not used yet */
    char *token_url, *token_scope;
    struct ews_token *token;
};

/* As those of ews_identity.h; whoever watches the accounts is told. */
void ews_account_refused(struct ews_identity *id, gw_time now);
void ews_account_taken(struct ews_identity *id);
struct ews_cred *ews_account_cred(struct ews_account *a); /* borrowed */

/* ews_client.c */
struct ews_client *ews_client_of_account(struct gw_list *link);

#endif
