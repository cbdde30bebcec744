/* When the policy changes, users learn of it: contacts of domains that may not come any more are gone for
 * them, and where a way is open that was not before, watchers are told anew and contacts are asked. That
 * walks over all users, a few at a time. */
#include "xmpp_fed_priv.h"

enum { USERS_MAX = 1000 }; /* of a turn */

static void note_one(const char *domain, enum xmpp_direction d, void *ctx)
{
    (void)xmpp_policy_except(ctx, gw_str_of(domain), d, NULL, NULL); /* it is in the other one */
}

/* What users know of. */
static void note(struct xmpp_fed *fed)
{
    xmpp_policy_free(&fed->known.exceptions);
    fed->known.exceptions = xmpp_policy_new();
    xmpp_policy_each(fed->policy, note_one, fed->known.exceptions);
    fed->known.policy = fed->settings->policy;
    fed->known.is_on = fed->settings->is_on;
}

static bool was_allowed(const struct xmpp_fed *fed, struct gw_str domain, enum xmpp_direction d)
{
    const struct xmpp_rules *r = &fed->known;

    return r->is_on &&
           (r->policy == XMPP_FED_ALLOW) != (xmpp_policy_find(r->exceptions, domain, d) != NULL);
}

static unsigned review(struct gw_str domain, void *ctx)
{
    const struct xmpp_fed *fed = ctx;
    unsigned what = 0;
    struct gw_err why;

    if (!xmpp_fed_allows(fed, domain, XMPP_IN, &why))
        what |= PRES_REVIEW_GONE;
    else if (!was_allowed(fed, domain, XMPP_IN))
        what |= PRES_REVIEW_RENEW;
    if (xmpp_fed_allows(fed, domain, XMPP_OUT, &why) && !was_allowed(fed, domain, XMPP_OUT))
        what |= PRES_REVIEW_RENEW;
    return what;
}

void xmpp_review_begin(struct xmpp_fed *fed)
{
    bool is_first = !fed->known.exceptions; /* nobody was told anything yet */
    bool is_same = !is_first && fed->known.is_on == fed->settings->is_on &&
                   fed->known.policy == fed->settings->policy &&
                   xmpp_policy_eq(fed->known.exceptions, fed->policy);

    if (is_first)
        note(fed);
    if (is_first || (is_same && !fed->is_reviewing))
        return;
    if (fed->is_reviewing && fed->review.pos)
        fed->known.is_on = false; /* some know this, some that: as if nobody knew anything */
    fed->is_reviewing = true;
    fed->review = (struct pres_walk){ 0 };
}

bool xmpp_review_go_on(struct xmpp_fed *fed)
{
    for (int i = 0; i < USERS_MAX && fed->is_reviewing; i++)
        fed->is_reviewing =
            pres_abroad_review(fed->host->core, fed->host->front, review, fed, &fed->review);
    if (!fed->is_reviewing)
        note(fed);
    return fed->is_reviewing;
}
