/* Who logs in at Exchange, and how. The clients of several servers share one account.
 *
 * A wrong password must not lock the account out. While it is not known whether a server takes the
 * account (at first, and after each refusal), one call is sent and the others wait for it: it proves
 * the account, or they fail with it. What was logged in before a refusal goes on, and proves
 * nothing: a server does not ask again for the password of an open connection. Later logins on
 * further connections are few at once. After two refusals within 15 minutes calls fail at once with
 * EWS_CREDENTIALS, until the account is set to another name or password or the time is over: all
 * this for all clients of all accounts together that have this name and password. A password that no
 * server has taken yet is waited for longer, up to EWS_TRY_MS, and counts as refused when no answer has
 * come by then. One that was taken, and not refused since, is waited for as long once a server has not
 * answered; but that counts only when it was cut short: servers that hang lock nobody out.
 *
 * Basic has no login: each request bears the password. As long as servers take it they go freely, as
 * many as whoever calls wants. When it is changed in the directory those under way are refused, nothing
 * recalls them; the first refusal holds back all others, those under way are awaited, and one more at
 * most is sent. Active Directory does not count a password towards lock-out that is one of the last two
 * of the account's history, as that one is. */
#ifndef EWS_ACCOUNT_H
#define EWS_ACCOUNT_H

#include "gw_err.h"
#include "gw_param.h"
#include "net_loop.h"
#include "net_tls.h"
#include "net_work.h"

enum ews_auth {
    EWS_AUTH_AUTO,      /* Negotiate, else NTLMv2, as the server offers */
    EWS_AUTH_NEGOTIATE, /* Kerberos or NTLMv2 inside */
    EWS_AUTH_NTLMV2,
    EWS_AUTH_BASIC, /* the password itself, to any server that has the right certificate */
    EWS_AUTH_OAUTH  /* an access token, which the account's id and secret are good for */
};
extern const char *const ews_auth_names[]; /* "auto" ..., in that order; ends with NULL */

/* calendar.auth and what belongs to it. */
struct ews_settings {
    int auth; /* of enum ews_auth */
    char *token_url, *token_scope;
};
extern const struct gw_param ews_params[];
extern const size_t ews_param_count;

enum {
    EWS_REFUSALS_MAX = 2,                /* in EWS_REFUSALS_MS: typical lock-out starts at 5 */
    EWS_REFUSALS_MS = 15 * GW_MINUTE_MS, /* the usual observation window of account lock-out */
    EWS_TRY_MS = 30 * GW_SECOND_MS       /* an answer to a password that is later will not come */
};

struct ews_account_args {
    enum ews_auth auth;
    const char *name;     /* "user@domain" or "DOMAIN\user"; OAuth: the application's id */
    const char *password; /* OAuth: the application's secret. Copied; wiped when replaced, or
                             when its refusals do not count any more */

    /* OAuth only */
    const char *token_url, *token_scope;
    const struct net_tls_policy *token_tls; /* borrowed until others are set; NULL: http only */
};

/* Logins run on the pool; it and the loop are borrowed for life. kin: one with which it shares what is
 * remembered of refused passwords; NULL: it is the first. To be set before it is used. */
struct ews_account;
struct ews_account *ews_account_new(struct net_loop *loop, struct net_pool *pool,
                                    struct ews_account *kin);
void ews_account_free(struct ews_account **ap); /* after its clients */

/* Do they name one account, as far as the names tell? Case does not matter, and DOMAIN\user is
 * user@DOMAIN, as to Windows. That CORP is the short name of corp.example is known to the domain only:
 * CORP\svc and svc@corp.example are two. */
bool ews_account_same_name(const char *a, const char *b);

/* Live: refusals of another name or password do not count for the new one, and the next call of each
 * client logs in anew. Calls in flight end as they began. GW_INVALID: err tells what is wrong; the account stays as it was. */
enum gw_code ews_account_set(struct ews_account *a, const struct ews_account_args *args,
                             struct gw_err *err);
enum gw_code ews_account_check(const struct ews_account_args *args, struct gw_err *err);

/* So that neither a restart nor a second account of the same name brings further tries: whoever keeps
 * the refusals is told when there is another one, or none any more, or it is trusted, by a login. To be recalled after
 * the account is set; that is not told. An account that a server has taken does not care: its password is
 * not the refused one. */
struct ews_refusals {
    gw_utc at[EWS_REFUSALS_MAX]; /* the oldest first */
    unsigned count;
    unsigned open; /* the last ones of these are not answered yet, and may turn out well */
    bool trusted;  /* a server took it, and none has refused it since */
};
void ews_account_watch_refusals(struct ews_account *a, void (*changed)(void *ctx), void *ctx);
void ews_account_refusals(const struct ews_account *a, struct ews_refusals *out);
void ews_account_recall(struct ews_account *a, const struct ews_refusals *refusals);

#endif
