#include "cert_expiry.h"

#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_mem.h"

struct cert_shown {
    char where[CERT_NAME_MAX + 1], subject[CERT_NAME_TEXT_MAX];
    gw_utc not_after;
};

/* --- what peers show; noted at each handshake, so that there is no search by time */

static struct cert_shown *shown_find(struct cert_store *s, const struct cert_shown *like)
{
    for (size_t i = 0; i < s->shown_count; i++)
        if (!strcmp(s->shown[i].where, like->where) && !strcmp(s->shown[i].subject, like->subject))
            return &s->shown[i];
    return NULL;
}

static struct cert_shown *shown_latest(struct cert_store *s)
{
    struct cert_shown *latest = &s->shown[0];

    for (size_t i = 1; i < s->shown_count; i++)
        if (s->shown[i].not_after > latest->not_after)
            latest = &s->shown[i];
    return latest;
}

void cert_expiry_note(struct cert_store *s, struct gw_str where, X509 *x509)
{
    struct cert_shown seen = { .not_after = cert_time(X509_get0_notAfter(x509)) }, *place;

    where = gw_str_utf8_cut(where, CERT_NAME_MAX);
    memcpy(seen.where, where.len ? where.p : "", where.len);
    cert_name_text(X509_get_subject_name(x509), seen.subject);
    if (!s->shown)
        s->shown = gw_realloc(NULL, CERT_SHOWN_MAX, sizeof(*s->shown));
    place = shown_find(s, &seen);
    if (!place && s->shown_count < CERT_SHOWN_MAX)
        place = &s->shown[s->shown_count++];
    else if (!place && shown_latest(s)->not_after > seen.not_after)
        place = shown_latest(s);
    if (place)
        *place = seen;
}

/* --- all of it */

struct look {
    gw_utc until;
    const char *where;
    cert_expiry_fn *each;
    void *ctx;
};

static void tell(const struct look *look, const char *kind, const char *where, const char *subject,
                 gw_utc not_after)
{
    const struct cert_expiry e = { kind, where, subject, not_after };

    if (not_after < look->until)
        look->each(&e, look->ctx);
}

static void look_at_trusted(const struct cert_info *info, void *ctx)
{
    const struct look *look = ctx;

    tell(look, "trusted", look->where, info->subject, info->not_after);
}

/* Lists are made anew every week or every day: until then nothing is late. */
static void look_at_lists(const struct cert_set *set, const struct look *look)
{
    for (int i = 0; i < sk_X509_CRL_num(set->crls); i++) {
        const X509_CRL *crl = sk_X509_CRL_value(set->crls, i);
        char issuer[CERT_NAME_TEXT_MAX];

        cert_name_text(X509_CRL_get_issuer(crl), issuer);
        tell(look, "revocation list", set->name, issuer, cert_time(X509_CRL_get0_nextUpdate(crl)));
    }
}

void cert_expiry_each(struct cert_store *s, gw_utc now, cert_expiry_fn *each, void *ctx)
{
    struct look look = { .until = now + (int64_t)CERT_EXPIRY_DAYS * GW_DAY_MS,
                         .each = each,
                         .ctx = ctx };
    struct look lists = { .until = now + (int64_t)CERT_EXPIRY_LIST_DAYS * GW_DAY_MS,
                          .each = each,
                          .ctx = ctx };
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&s->identities, it, tmp)
    {
        const struct cert_identity *id = GW_CONTAINER(it, struct cert_identity, link);

        if (!cert_identity_is_ours(id))
            tell(&look, "own", id->name, id->entry->info.subject, id->entry->info.not_after);
    }
    for (const struct cert_trust_set *set = cert_trust_sets; set->name; set++) {
        struct cert_set *loaded = NULL;

        look.where = set->name;
        (void)cert_trust_each(s, set->name, look_at_trusted, &look, NULL);
        if (!cert_set_get(s, set->name, &loaded, NULL))
            look_at_lists(loaded, &lists);
    }
    for (size_t i = 0; i < s->shown_count; i++)
        tell(&look, "shown", s->shown[i].where, s->shown[i].subject, s->shown[i].not_after);
}
