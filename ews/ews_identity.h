/* A name with its password, whichever accounts have them: what servers have said of it, and how many may
 * be asked at once. Two gateways may each have the same account as their own, and an administrator
 * may set a password once more that was wrong before; none of that is a way to further tries.
 *
 * A try is whatever shows the password to somebody who may refuse it: a login, a request by Basic, a
 * request for an access token. One that is not known to be good counts as refused from the moment it
 * leaves until it is answered otherwise: so neither a server that answers late, nor a request that is
 * cancelled, nor other settings or a restart meanwhile are a way to further tries. Only where a server
 * that has taken it before says nothing at all, to the end, is that a server that hangs. */
#ifndef EWS_IDENTITY_H
#define EWS_IDENTITY_H

#include "ews_account.h"
#include "ews_error.h"
#include "gw_list.h"

/* All that were refused of late, or that an account has. Counted. */
struct ews_identities;
struct ews_identities *ews_identities_new(struct net_loop *loop);
struct ews_identities *ews_identities_ref(struct ews_identities *all);
void ews_identities_unref(struct ews_identities **allp);

struct ews_identity {
    struct gw_list link;
    struct ews_identities *all;
    unsigned refs;
    char *name, *password;
    struct gw_list accounts; /* that have it; ews_account_priv.h */

    unsigned
        epoch; /* grows with each change of an account: what came of an older one says nothing of
                       how it logs in now */
    unsigned
        doubt;   /* grows with each change and each refusal: what was shown before proves nothing */
    bool proven; /* some server has taken it */
    bool trusted; /* so it has, and none has refused it since */

    gw_time refused[EWS_REFUSALS_MAX]; /* the oldest first */
    unsigned refused_count;
    gw_time taken_at;     /* last */
    struct gw_list tries; /* that are not answered yet; ews_account_priv.h */

    struct gw_list trials, trials_waiting;
    struct net_timer *trials_timer;
    unsigned shown; /* by calls that are to prove it, which the client counts */
};

/* The one of that name, however it is written, and password; there is one when there was none. */
struct ews_identity *ews_identity_get(struct ews_identities *all, const char *name,
                                      const char *password);
struct ews_identity *ews_identity_ref(struct ews_identity *id);
/* It is remembered as long as its refusals count. */
void ews_identity_unref(struct ews_identity **idp);

void ews_identity_changed(struct ews_identity *id); /* an account logs in anew with it */
void ews_identity_refused(struct ews_identity *id, gw_time now);
void ews_identity_taken(struct ews_identity *id);
void ews_identity_recall(struct ews_identity *id, const struct ews_refusals *refusals);
gw_time ews_identity_locked_until(const struct ews_identity *id, gw_time now); /* 0: not locked */
bool ews_identity_is_locked(const struct ews_identity *id, gw_time now, struct ews_status *why);
unsigned ews_identity_tries_max(const struct ews_identity *id); /* at once */
unsigned ews_identity_refusals(const struct ews_identity *id);  /* that count */
gw_time ews_identity_now(const struct ews_identity *id);
/* Something is out that may still be refused. */
bool ews_identity_is_trying(const struct ews_identity *id);

/* What has shown the password, and is not answered yet. */
struct ews_try {
    struct gw_list link;           /* in identity->tries */
    struct ews_identity *identity; /* NULL: nothing is out */
    gw_time at;
    unsigned epoch;
    bool counts; /* the password was not known to be good */
};
enum ews_try_end {
    EWS_TRY_REFUSED,
    EWS_TRY_PASSED, /* not refused, or it has never left */
    EWS_TRY_SILENT, /* no answer came: in time, over a connection that was cut, or before a cancel */
    EWS_TRY_UNCLEAR, /* what came may be a refusal */
};
/* Of an answer that is not known to be a refusal: it may be one that was cut. */
struct net_http_answer;
enum ews_try_end ews_try_end_of(const struct net_http_answer *answer);
void ews_try_begin(struct ews_try *t, struct ews_identity *id); /* once more is fine */
void ews_try_end(struct ews_try *t, enum ews_try_end how);      /* not begun is fine, when zeroed */

/* Parts of these, without a word to whoever watches. */
void ews_identity_try_add(struct ews_identity *id, struct ews_try *t);
void ews_identity_try_silent(struct ews_identity *id, const struct ews_try *t);

/* A login, or a request for a token, that is about to show the password. It ends when the thread has
 * ended, too, so that these are not taken up when Kerberos does not answer. */
struct ews_trial {
    struct gw_list link;
    struct ews_identity *identity; /* NULL: not begun, or ended */
    unsigned epoch;
    void (*go)(void *ctx);
    void *ctx;
};
/* True: go on. False: go() is called later, to go on if the identity is not locked by then. */
bool ews_trial_begin(struct ews_trial *t, struct ews_identity *id, void (*go)(void *ctx),
                     void *ctx);
void ews_trial_end(struct ews_trial *t); /* not begun is fine, when zeroed */

#endif
