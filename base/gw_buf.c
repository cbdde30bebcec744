#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_mem.h"
#include "gw_priv.h"

enum { BUF_FIRST = 128 };

void gw_buf_init(struct gw_buf *b, size_t max)
{
    *b = (struct gw_buf){ .max = max };
}

static void to_front(struct gw_buf *b)
{
    char *block = b->p - b->skip;

    if (!b->skip)
        return;
    memmove(block, b->p, b->len + 1);
    b->p = block;
    b->cap += b->skip;
    b->skip = 0;
}

void gw_buf_done(struct gw_buf *b)
{
    if (b->p)
        free(b->p - b->skip);
    gw_buf_init(b, b->max);
}

void gw_buf_reset(struct gw_buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->p) {
        b->p[0] = '\0';
        to_front(b);
    }
}

/* Room for 'more' bytes and the NUL; false, and failed, when the maximum would be passed. */
static bool buf_grow(struct gw_buf *b, size_t more)
{
    size_t need, cap;

    if (b->failed || b->len > b->max || more > b->max - b->len || more >= SIZE_MAX - b->len) {
        b->failed = true;
        return false;
    }
    need = b->len + more + 1;
    if (need <= b->cap)
        return true;
    /* What was consumed is used again when that frees at least half: each byte then moves at most
     * once for each byte added. */
    if (b->skip >= b->len && need <= b->cap + b->skip) {
        to_front(b);
        return true;
    }
    if (b->p)
        to_front(b);
    cap = b->cap ? b->cap : BUF_FIRST;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap - 1 > b->max && b->max < SIZE_MAX)
        cap = b->max + 1;
    b->p = gw_realloc(b->p, cap, 1);
    b->cap = cap;
    return true;
}

/* The same; mostly it is there. The block is no larger than the maximum. */
static inline bool buf_room(struct gw_buf *b, size_t more)
{
    return (more < b->cap - b->len && !b->failed) || buf_grow(b, more);
}

void gw_buf_add(struct gw_buf *b, const void *p, size_t len)
{
    if (!buf_room(b, len))
        return;
    if (len)
        memcpy(b->p + b->len, p, len);
    b->len += len;
    b->p[b->len] = '\0';
}

void gw_buf_add_all(struct gw_buf *b, const struct gw_str *texts, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += texts[i].len;
    if (!buf_room(b, len))
        return;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len)
            memcpy(b->p + b->len, texts[i].p, texts[i].len);
        b->len += texts[i].len;
    }
    b->p[b->len] = '\0';
}

void gw_buf_add_char(struct gw_buf *b, char c)
{
    if (!buf_room(b, 1))
        return;
    b->p[b->len++] = c;
    b->p[b->len] = '\0';
}

void gw_buf_add_uint(struct gw_buf *b, uint64_t n)
{
    char digits[20], *p = digits + sizeof(digits);

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    gw_buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void gw_buf_addf(struct gw_buf *b, const char *fmt, ...)
{
    va_list args, again;
    size_t room;
    int n;

    if (!buf_room(b, 0))
        return;
    va_start(args, fmt);
    va_copy(again, args);
    room = b->cap - b->len;
    n = vsnprintf(b->p + b->len, room, fmt, args);
    if (n >= 0 && (size_t)n >= room && buf_room(b, (size_t)n))
        n = vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    /* The block is no larger than the maximum, so what fitted into it is within that too. */
    if (n < 0)
        b->failed = true;
    if (b->failed)
        b->p[b->len] = '\0';
    else
        b->len += (size_t)n;
}

/* One piece of quoted text, and how many bytes of s it stands for. */
static size_t quote_step(struct gw_str s, char out[8], size_t *out_len)
{
    uint32_t cp;
    size_t n = gw_utf8_decode(s, &cp);

    if (n && gw_utf8_is_printable(cp)) {
        *out_len = 0;
        if (cp == '\'' || cp == '\\')
            out[(*out_len)++] = '\\';
        memcpy(out + *out_len, s.p, n);
        *out_len += n;
        return n;
    }
    *out_len = (size_t)snprintf(out, 8, "\\x%02x", (unsigned)(unsigned char)s.p[0]);
    return 1;
}

void gw_buf_add_quoted(struct gw_buf *b, struct gw_str s, size_t max)
{
    size_t used = 0;

    gw_buf_add_char(b, '\'');
    while (s.len) {
        char piece[8];
        size_t piece_len, n = quote_step(s, piece, &piece_len);

        if (used + piece_len > max)
            break;
        gw_buf_add(b, piece, piece_len);
        used += piece_len;
        s = gw_str_sub(s, n, s.len);
    }
    gw_buf_add_cstr(b, s.len ? "'..." : "'");
}

void gw_buf_consume(struct gw_buf *b, size_t len)
{
    assert(len <= b->len);
    if (!len)
        return;
    b->p += len;
    b->skip += len;
    b->len -= len;
    b->cap -= len;
    if (!b->len)
        to_front(b);
}

struct gw_str gw_buf_str(const struct gw_buf *b)
{
    return b->len ? (struct gw_str){ b->p, b->len } : GW_STR("");
}

char *gw_buf_take(struct gw_buf *b)
{
    char *taken;

    if (b->p)
        to_front(b);
    taken = b->p ? b->p : gw_alloc(1);
    gw_buf_init(b, b->max);
    return taken;
}
