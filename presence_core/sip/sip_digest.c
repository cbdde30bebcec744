#include "sip_digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_list.h"
#include "gw_map.h"
#include "gw_mem.h"

enum {
    SECRET_LEN = 32,
    TIME_HEX = 16,
    SALT_LEN = 8,
    OPEN_HEX = TIME_HEX + 2 * SALT_LEN, /* what the seal is over */
    SEAL_LEN = 16,
    NONCE_HEX = OPEN_HEX + 2 * SEAL_LEN,
    NC_HEX = 8,
    TEXT_MAX = 4096 /* of what is hashed: a URI, and what the client says */
};

const char *const sip_hash_names[SIP_HASH_COUNT] = { [SIP_SHA256] = "SHA-256", [SIP_MD5] = "MD5" };

static const struct {
    const char *openssl;
    size_t len;
} hashes[SIP_HASH_COUNT] = { [SIP_SHA256] = { "SHA256", 32 }, [SIP_MD5] = { "MD5", 16 } };

/* A nonce that a right response has used. */
struct used {
    struct gw_list link; /* by its time of issue, but for what came out of order */
    gw_time issued;
    uint32_t count; /* the last one */
    char nonce[NONCE_HEX + 1];
};

struct sip_digest {
    uint8_t secret[SECRET_LEN];
    struct gw_map *used;
    struct gw_list oldest;
    gw_time floor; /* of this time and before none is taken any more: one of them was forgotten */
};

struct sip_digest *sip_digest_new(void)
{
    struct sip_digest *d = gw_new(struct sip_digest);

    gw_random(d->secret, sizeof(d->secret));
    d->used = gw_map_new();
    gw_list_init(&d->oldest);
    d->floor = INT64_MIN;
    return d;
}

static void used_free(struct sip_digest *d, struct used *u)
{
    gw_map_remove(d->used, gw_str_of(u->nonce));
    gw_list_remove(&u->link);
    free(u);
}

void sip_digest_free(struct sip_digest **digestp)
{
    struct sip_digest *d = *digestp;

    if (!d)
        return;
    *digestp = NULL;
    while (!gw_list_is_empty(&d->oldest))
        used_free(d, GW_CONTAINER(d->oldest.next, struct used, link));
    gw_map_free(&d->used);
    gw_wipe(d->secret, sizeof(d->secret));
    free(d);
}

/* ---- What the client says ---- */

/* One value, a token or quoted, at the start of *rest, which then begins behind it. */
static bool value_cut(struct gw_str *rest, struct gw_arena *arena, struct gw_str *out)
{
    size_t at = 1, len = 0;
    char *p;

    if (!gw_str_starts(*rest, "\"")) {
        at = 0;
        while (at < rest->len && rest->p[at] != ',')
            at++;
        *out = gw_str_trim(gw_str_sub(*rest, 0, at));
        *rest = gw_str_sub(*rest, at, rest->len);
        return out->len > 0;
    }
    p = gw_arena_alloc(arena, rest->len);
    if (!p)
        return false;
    for (; at < rest->len && rest->p[at] != '"'; at++) {
        at += rest->p[at] == '\\' && at + 1 < rest->len;
        p[len++] = rest->p[at];
    }
    if (at >= rest->len)
        return false;
    *out = (struct gw_str){ p, len };
    *rest = gw_str_trim(gw_str_sub(*rest, at + 1, rest->len));
    return true;
}

static struct gw_str *member(struct sip_response *r, struct gw_str name)
{
    const struct {
        const char *name;
        struct gw_str *is;
    } members[] = {
        { "username", &r->user },     { "realm", &r->realm },   { "nonce", &r->nonce },
        { "uri", &r->uri },           { "cnonce", &r->cnonce }, { "nc", &r->nc },
        { "response", &r->response }, { "qop", &r->qop },       { "algorithm", &r->algorithm },
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (gw_str_iis(name, members[i].name))
            return members[i].is;
    }
    return NULL;
}

bool sip_response_read(struct gw_str value, struct gw_arena *arena, struct sip_response *out)
{
    struct sip_response r = { .user = GW_STR("") };
    struct gw_str scheme, rest, name, is, *to;

    if (!gw_str_cut(value, " ", &scheme, &rest) || !gw_str_iis(scheme, "Digest"))
        return false;
    for (rest = gw_str_trim(rest); rest.len; rest = gw_str_trim(rest)) {
        if (!gw_str_cut(rest, "=", &name, &rest))
            return false;
        rest = gw_str_trim(rest);
        if (!value_cut(&rest, arena, &is) || (rest.len && rest.p[0] != ','))
            return false;
        rest = gw_str_sub(rest, 1, rest.len);
        to = member(&r, gw_str_trim(name));
        if (to && to->len) /* said twice */
            return false;
        if (to)
            *to = is;
    }
    *out = r;
    return r.user.len && r.realm.len && r.nonce.len && r.uri.len && r.response.len;
}

/* ---- Hashes ---- */

static void hash_hex(enum sip_hash hash, struct gw_str in, struct gw_buf *out)
{
    uint8_t is[SIP_HASH_LEN_MAX];
    size_t len;

    if (!EVP_Q_digest(NULL, hashes[hash].openssl, NULL, in.p, in.len, is, &len))
        abort(); /* it is part of what OpenSSL is built with: as when memory is exhausted */
    gw_hex_write((struct gw_str){ (const char *)is, len }, out);
}

/* RFC 7616 3.4.1 with qop auth: what the response should be. */
static bool expected(enum sip_hash hash, const struct sip_response *r, const uint8_t *ha1,
                     struct gw_str method, struct gw_buf *out)
{
    struct gw_buf a2, text;
    bool ok;

    gw_buf_init(&a2, TEXT_MAX);
    gw_buf_init(&text, TEXT_MAX);
    gw_buf_addf(&a2, "%.*s:", GW_STR_ARG(method));
    gw_buf_add_str(&a2, r->uri);
    gw_hex_write((struct gw_str){ (const char *)ha1, hashes[hash].len }, &text);
    gw_buf_addf(&text, ":%.*s:%.*s:", GW_STR_ARG(r->nonce), GW_STR_ARG(r->nc));
    gw_buf_add_str(&text, r->cnonce);
    gw_buf_addf(&text, ":%.*s:", GW_STR_ARG(r->qop));
    hash_hex(hash, gw_buf_str(&a2), &text);
    ok = !a2.failed && !text.failed;
    if (ok)
        hash_hex(hash, gw_buf_str(&text), out);
    gw_wipe(text.p, text.cap);
    gw_buf_done(&a2);
    gw_buf_done(&text);
    return ok;
}

/* ---- Nonces ---- */

static void seal(const struct sip_digest *d, struct gw_str open, struct gw_str host,
                 struct gw_buf *out)
{
    uint8_t is[EVP_MAX_MD_SIZE];
    struct gw_buf text;
    unsigned len;

    gw_buf_init(&text, TEXT_MAX);
    gw_buf_add_str(&text, open);
    gw_buf_add_str(&text, host);
    open = gw_buf_str(&text);

    if (!HMAC(EVP_sha256(), d->secret, sizeof(d->secret), (const unsigned char *)open.p, open.len,
              is, &len))
        abort();
    gw_hex_write((struct gw_str){ (const char *)is, SEAL_LEN }, out);
    gw_buf_done(&text);
}

void sip_digest_challenge(const struct sip_digest *d, const struct sip_challenge *c, gw_time now,
                          struct gw_buf *out)
{
    char salt[2 * SALT_LEN + 1];
    struct gw_buf nonce;

    gw_random_hex(salt, SALT_LEN);
    gw_buf_init(&nonce, NONCE_HEX);
    gw_buf_addf(&nonce, "%016llx%s", (unsigned long long)now, salt);
    seal(d, gw_buf_str(&nonce), c->host, &nonce);
    gw_buf_addf(out, "Digest realm=\"%.*s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s",
                GW_STR_ARG(c->realm), nonce.p, sip_hash_names[c->hash],
                c->is_stale ? ", stale=true" : "");
    gw_buf_done(&nonce);
}

bool sip_digest_has_asked(const struct sip_digest *d, struct gw_str nonce, struct gw_str host)
{
    struct gw_buf b;
    bool ok;

    if (nonce.len != NONCE_HEX)
        return false;
    gw_buf_init(&b, NONCE_HEX);
    seal(d, gw_str_sub(nonce, 0, OPEN_HEX), host, &b);
    ok = gw_secret_eq(gw_buf_str(&b), gw_str_sub(nonce, OPEN_HEX, NONCE_HEX));
    gw_buf_done(&b);
    return ok;
}

/* When one of ours was made. */
static gw_time issued_at(struct gw_str nonce)
{
    uint64_t t = 0;

    for (size_t i = 0; i < TIME_HEX; i++) {
        char c = nonce.p[i];

        t = t << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return (gw_time)t;
}

static bool count_read(struct gw_str nc, uint32_t *out)
{
    uint32_t n = 0;

    if (nc.len != NC_HEX)
        return false;
    for (size_t i = 0; i < NC_HEX; i++) {
        char c = nc.p[i];

        if (c >= '0' && c <= '9')
            n = n << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            n = n << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *out = n;
    return n > 0;
}

static void used_add(struct sip_digest *d, struct gw_str nonce, gw_time issued, uint32_t count,
                     gw_time now)
{
    struct used *u;

    while (!gw_list_is_empty(&d->oldest)) {
        u = GW_CONTAINER(d->oldest.next, struct used, link);
        if (gw_map_len(d->used) < SIP_NONCES_MAX && now - u->issued < SIP_NONCE_MS)
            break;
        d->floor = u->issued > d->floor ? u->issued : d->floor;
        used_free(d, u);
    }
    u = gw_new(struct used);
    u->issued = issued;
    u->count = count;
    memcpy(u->nonce, nonce.p, NONCE_HEX);
    gw_list_append(&d->oldest, &u->link);
    gw_map_set(d->used, gw_str_of(u->nonce), u);
}

/* False: too old, or used with this count before. */
static bool nonce_use(struct sip_digest *d, struct gw_str nonce, uint32_t count, gw_time now)
{
    struct used *u;
    gw_time issued;

    if (nonce.len != NONCE_HEX)
        return false;
    issued = issued_at(nonce);
    if (now - issued >= SIP_NONCE_MS)
        return false;
    u = gw_map_get(d->used, nonce);
    if (!u && issued <= d->floor)
        return false;
    if (!u) {
        used_add(d, nonce, issued, count, now);
        return true;
    }
    if (count <= u->count)
        return false;
    u->count = count;
    return true;
}

/* ---- The proof ---- */

static bool hash_find(struct gw_str name, enum sip_hash *out)
{
    for (int i = 0; i < SIP_HASH_COUNT; i++) {
        if (gw_str_iis(name, sip_hash_names[i])) {
            *out = (enum sip_hash)i;
            return true;
        }
    }
    *out = SIP_MD5; /* RFC 7616 3.4: what is meant when nothing is said */
    return !name.len;
}

enum sip_proof sip_digest_check(struct sip_digest *d, const struct sip_response *r,
                                const struct sip_ha1 *ha1, struct gw_str method, gw_time now)
{
    enum sip_hash hash;
    struct gw_buf want;
    uint32_t count;
    bool ok;

    if (!hash_find(r->algorithm, &hash) || !ha1->has[hash] || !gw_str_iis(r->qop, "auth") ||
        !r->cnonce.len || !count_read(r->nc, &count))
        return SIP_PROOF_WRONG;
    gw_buf_init(&want, 2 * SIP_HASH_LEN_MAX);
    ok = expected(hash, r, ha1->is[hash], method, &want) &&
         gw_secret_eq(gw_buf_str(&want), r->response);
    gw_buf_done(&want);
    if (!ok)
        return SIP_PROOF_WRONG;
    return nonce_use(d, r->nonce, count, now) ? SIP_PROOF_RIGHT : SIP_PROOF_STALE;
}
