/* A batch: changes one after the other in one block of bytes, so that 100,000 of them cost one
 * allocation each, and freeing them is cheap. */
#include "store_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"

struct store_batch {
    struct gw_buf changes; /* each: op, then kind, key, owner, value with their lengths */
};

struct store_batch *store_batch_new(void)
{
    struct store_batch *b = gw_new(struct store_batch);

    gw_buf_init(&b->changes, STORE_BATCH_MAX);
    return b;
}

void store_batch_free(struct store_batch **bp)
{
    if (!*bp)
        return;
    gw_buf_done(&(*bp)->changes);
    free(*bp);
    *bp = NULL;
}

size_t store_batch_size(const struct store_batch *b)
{
    return sizeof(*b) + b->changes.cap;
}

bool store_batch_failed(const struct store_batch *b)
{
    return b->changes.failed;
}

static void pack(struct gw_str s, struct gw_buf *out)
{
    uint32_t len = (uint32_t)s.len;

    gw_buf_add(out, &len, sizeof(len));
    gw_buf_add_str(out, s);
}

static bool unpack(struct gw_str packed, size_t *pos, struct gw_str *out)
{
    uint32_t len;

    if (packed.len - *pos < sizeof(len))
        return false;
    memcpy(&len, packed.p + *pos, sizeof(len));
    *pos += sizeof(len);
    if (packed.len - *pos < len)
        return false;
    *out = (struct gw_str){ packed.p + *pos, len };
    *pos += len;
    return true;
}

void store_record_pack(const struct store_record *r, struct gw_buf *out)
{
    pack(r->key, out);
    pack(r->owner, out);
    pack(r->value, out);
}

bool store_record_unpack(struct gw_str packed, size_t *pos, struct store_record *out)
{
    return unpack(packed, pos, &out->key) && unpack(packed, pos, &out->owner) &&
           unpack(packed, pos, &out->value);
}

static void add(struct store_batch *b, enum store_op op, const char *kind,
                const struct store_record *r)
{
    struct gw_str k = gw_str_of(kind);

    assert(k.len > 0 && k.len <= STORE_KIND_MAX);
    if (r->key.len > STORE_KEY_MAX || r->owner.len > STORE_KEY_MAX ||
        r->value.len > STORE_VALUE_MAX) {
        b->changes.failed = true;
        return;
    }
    gw_buf_add_char(&b->changes, (char)op);
    pack(k, &b->changes);
    store_record_pack(r, &b->changes);
}

void store_put(struct store_batch *b, const char *kind, struct gw_str key, struct gw_str owner,
               struct gw_str value)
{
    struct store_record r = { .key = key, .owner = owner, .value = value };

    add(b, STORE_OP_PUT, kind, &r);
}

void store_del(struct store_batch *b, const char *kind, struct gw_str key)
{
    struct store_record r = { .key = key };

    add(b, STORE_OP_DEL, kind, &r);
}

/* Records without an owner are nobody's: there is nothing to delete for the empty one. */
void store_del_owner(struct store_batch *b, const char *kind, struct gw_str owner)
{
    struct store_record r = { .owner = owner };

    add(b, STORE_OP_DEL_OWNER, kind, &r);
}

void store_del_range(struct store_batch *b, const char *kind, struct gw_str from, struct gw_str to)
{
    struct store_record r = { .key = from, .owner = to };

    add(b, STORE_OP_DEL_RANGE, kind, &r);
}

bool store_batch_next(const struct store_batch *b, size_t *pos, struct store_change *out)
{
    struct gw_str all = gw_buf_str(&b->changes);

    if (*pos >= all.len)
        return false;
    out->op = (enum store_op)all.p[(*pos)++];
    return unpack(all, pos, &out->kind) && store_record_unpack(all, pos, &out->record);
}
