/* Builds the chain from the server's certificate upwards: an issuer is looked for in the trust set
 * first, then among what the server sent. It ends at the first certificate that is trusted, at one
 * that issued itself, or where nobody has the issuer. */
#include "cert_chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "cert_priv.h"
#include "gw_mem.h"

struct cert_chain {
    struct cert_entry *entry[CERT_CHAIN_MAX + 1]; /* NULL at a link without certificate */
    struct cert_link link[CERT_CHAIN_MAX + 1];
    size_t len;
    struct gw_arena arena;
};

enum { CHAIN_TEXT_MAX = 1024 * 1024 };

const char *cert_link_state_name(enum cert_link_state state)
{
    switch (state) {
    case CERT_LINK_VERIFIED:
        return "Verified";
    case CERT_LINK_UNVERIFIED:
        return "Not verified";
    case CERT_LINK_MISSING:
        return "Missing";
    case CERT_LINK_BAD:
        return "Bad";
    }
    return "Bad";
}

/* --- the way up */

static bool issued(X509 *issuer, X509 *x509)
{
    return X509_check_issued(issuer, x509) == X509_V_OK;
}

static bool is_top(X509 *x509)
{
    return issued(x509, x509);
}

static bool chain_has(const struct cert_chain *chain, X509 *x509)
{
    for (size_t i = 0; i < chain->len; i++)
        if (chain->entry[i] && !X509_cmp(chain->entry[i]->x509, x509))
            return true;
    return false;
}

/* Of several with that name and key id the one whose key it is; else the first, to be shown. */
static X509 *issuer_in(const struct cert_chain *chain, STACK_OF(X509) * from, X509 *x509)
{
    X509 *first = NULL;

    for (int i = 0; i < sk_X509_num(from); i++) {
        X509 *candidate = sk_X509_value(from, i);

        if (!issued(candidate, x509) || chain_has(chain, candidate))
            continue;
        if (X509_verify(x509, X509_get0_pubkey(candidate)) == 1)
            return candidate;
        first = first ? first : candidate;
    }
    ERR_clear_error();
    return first;
}

static bool stack_has(const STACK_OF(X509) * stack, X509 *x509)
{
    for (int i = 0; i < sk_X509_num(stack); i++)
        if (!X509_cmp(sk_X509_value(stack, i), x509))
            return true;
    return false;
}

static bool set_has(const struct cert_set *set, X509 *x509)
{
    for (size_t i = 0; i < set->count; i++)
        if (!X509_cmp(set->entry[i]->x509, x509))
            return true;
    return false;
}

/* --- one link */

static const char *issuer_url(struct cert_chain *chain, X509 *x509)
{
    AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
    const char *url = NULL;

    for (int i = 0; !url && i < sk_ACCESS_DESCRIPTION_num(all); i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(all, i);
        struct gw_str text;

        if (OBJ_obj2nid(access->method) != NID_ad_ca_issuers || access->location->type != GEN_URI)
            continue;
        text = (struct gw_str){
            (const char *)ASN1_STRING_get0_data(access->location->d.uniformResourceIdentifier),
            (size_t)ASN1_STRING_length(access->location->d.uniformResourceIdentifier)
        };
        if (gw_str_starts(text, "http://") && !memchr(text.p, 0, text.len))
            url = gw_arena_dup(&chain->arena, text).p;
    }
    AUTHORITY_INFO_ACCESS_free(all);
    ERR_clear_error();
    return url;
}

static struct gw_str der_of(struct cert_chain *chain, X509 *x509)
{
    struct gw_str copy = { NULL, 0 };
    struct gw_buf der;

    gw_buf_init(&der, CERT_UPLOAD_MAX);
    if (!cert_der_write(x509, &der, NULL))
        copy = gw_arena_dup(&chain->arena, gw_buf_str(&der));
    gw_buf_done(&der);
    return copy;
}

/* False: the certificate is not even worth showing. */
static bool link_add(struct cert_chain *chain, X509 *x509, bool sent, bool trusted)
{
    struct cert_link *link = &chain->link[chain->len];

    if (cert_entry_new(x509, &chain->entry[chain->len], NULL))
        return false;
    *link = (struct cert_link){
        .state = CERT_LINK_VERIFIED,
        .info = &chain->entry[chain->len]->info,
        .subject = chain->entry[chain->len]->info.subject,
        .der = der_of(chain, x509),
        .issuer_url = issuer_url(chain, x509),
        .reason = "",
        .sent = sent,
        .trusted = trusted,
    };
    chain->len++;
    return true;
}

static void link_add_missing(struct cert_chain *chain, const struct cert_info *below)
{
    chain->link[chain->len++] = (struct cert_link){
        .state = CERT_LINK_MISSING,
        .subject = below->issuer,
        .reason = "",
    };
}

static const char *bad_reason(const struct cert_chain *chain, size_t i, gw_utc now)
{
    const struct cert_info *info = chain->link[i].info;
    X509 *x509 = chain->entry[i]->x509;
    X509 *issuer = i + 1 < chain->len && chain->entry[i + 1] ? chain->entry[i + 1]->x509 : NULL;

    if (now >= info->not_after)
        return "expired";
    if (now < info->not_before)
        return "not yet valid";
    if (!issuer && is_top(x509))
        issuer = x509;
    if (issuer && !chain->link[i].trusted && X509_verify(x509, X509_get0_pubkey(issuer)) != 1)
        return "bad signature";
    if (i > 0 && !info->is_ca && !chain->link[i].trusted)
        return "not a certificate authority";
    return "";
}

/* Once all links are there. */
static void judge(struct cert_chain *chain, const struct cert_seen *seen, gw_utc now)
{
    for (size_t i = 0; i < chain->len; i++) {
        struct cert_link *link = &chain->link[i];
        bool last = i + 1 == chain->len;

        if (!link->info)
            continue;
        link->reason = bad_reason(chain, i, now);
        if (!*link->reason && seen->bad && !X509_cmp(seen->bad, chain->entry[i]->x509))
            link->reason = seen->bad_reason; /* what OpenSSL found */
        if (*link->reason)
            link->state = CERT_LINK_BAD;
        else if (!link->trusted && (last || !link->sent))
            link->state = CERT_LINK_MISSING; /* issued itself, or was fetched */
        else if (!link->trusted && !chain->link[i + 1].info)
            link->state = CERT_LINK_UNVERIFIED;
    }
    ERR_clear_error();
}

struct cert_chain *cert_chain_new(const struct cert_set *set, const struct cert_seen *seen,
                                  STACK_OF(X509) * sent, gw_utc now)
{
    struct cert_chain *chain = gw_new(struct cert_chain);
    X509 *x509 = seen->leaf, *issuer;

    gw_arena_init(&chain->arena, CHAIN_TEXT_MAX);
    while (x509 && chain->len < CERT_CHAIN_MAX) {
        bool trusted = set_has(set, x509);
        bool by_server = x509 == seen->leaf || stack_has(seen->sent, x509);

        if (!link_add(chain, x509, by_server, trusted) || trusted || is_top(x509))
            break;
        issuer = issuer_in(chain, set->trusted, x509);
        if (!issuer)
            issuer = issuer_in(chain, sent, x509);
        if (!issuer)
            link_add_missing(chain, chain->link[chain->len - 1].info);
        x509 = issuer;
    }
    judge(chain, seen, now);
    return chain;
}

void cert_chain_free(struct cert_chain **chainp)
{
    struct cert_chain *chain = *chainp;

    if (!chain)
        return;
    *chainp = NULL;
    for (size_t i = 0; i < chain->len; i++)
        cert_entry_free(&chain->entry[i]);
    gw_arena_done(&chain->arena);
    free(chain);
}

/* --- what is asked about it */

size_t cert_chain_len(const struct cert_chain *chain)
{
    return chain->len;
}

const struct cert_link *cert_chain_link(const struct cert_chain *chain, size_t i)
{
    return i < chain->len ? &chain->link[i] : NULL;
}

const struct cert_link *cert_chain_missing(const struct cert_chain *chain)
{
    const struct cert_link *fetched = NULL, *highest = NULL;
    bool trusted = false;

    for (size_t i = 0; i < chain->len; i++) {
        const struct cert_link *link = &chain->link[i];

        if (link->state == CERT_LINK_BAD)
            return NULL;
        trusted = trusted || link->trusted;
        if (link->trusted || !link->info)
            continue;
        highest = link;
        if (!fetched && !link->sent)
            fetched = link; /* the server will not send it next time either */
    }
    return fetched || trusted ? fetched : highest;
}

const char *cert_chain_issuer_url(const struct cert_chain *chain)
{
    if (chain->len < 2 || chain->link[chain->len - 1].info)
        return NULL;
    return chain->link[chain->len - 2].issuer_url;
}
