/* A growing byte buffer with a maximum. It remembers its first failure, so that a writer checks
 * once, at the end: after a failure further additions do nothing. */
#ifndef GW_BUF_H
#define GW_BUF_H

#include "gw_str.h"

struct gw_buf {
    char *p; /* NUL-terminated once anything was added; NUL is not counted in len */
    size_t len, cap;
    size_t max;  /* of len */
    size_t skip; /* bytes consumed in front of p; the block begins there */
    bool failed;
};

void gw_buf_init(struct gw_buf *b, size_t max);
void gw_buf_done(struct gw_buf *b);  /* frees; may be used again as after gw_buf_init */
void gw_buf_reset(struct gw_buf *b); /* empties, forgets the failure, keeps the memory */

void gw_buf_add(struct gw_buf *b, const void *p, size_t len);

static inline void gw_buf_add_str(struct gw_buf *b, struct gw_str s)
{
    gw_buf_add(b, s.p, s.len);
}

static inline void gw_buf_add_cstr(struct gw_buf *b, const char *s)
{
    gw_buf_add(b, s, strlen(s));
}

/* Several texts one after the other, all of them or none: struct gw_str, ... */
#define GW_BUF_ADD(b, ...)                                                                         \
    gw_buf_add_all(b, (const struct gw_str[]){ __VA_ARGS__ },                                      \
                   sizeof((const struct gw_str[]){ __VA_ARGS__ }) / sizeof(struct gw_str))
void gw_buf_add_all(struct gw_buf *b, const struct gw_str *texts, size_t count);

void gw_buf_add_char(struct gw_buf *b, char c);
void gw_buf_add_uint(struct gw_buf *b, uint64_t n); /* decimal; does not cost what printf costs */
void gw_buf_addf(struct gw_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Text from a peer for a log line: in single quotes, with everything that is not printable UTF-8,
 * and the quote and backslash, escaped. What is between the quotes is at most 'max' bytes; when it
 * was cut, "..." follows the closing quote. */
void gw_buf_add_quoted(struct gw_buf *b, struct gw_str s, size_t max);

/* Drops 'len' bytes from the front; cheap when called often (amortised). */
void gw_buf_consume(struct gw_buf *b, size_t len);

/* Borrowed until the next change. */
struct gw_str gw_buf_str(const struct gw_buf *b);

/* Gives the NUL-terminated content: free(). The buffer is empty afterwards. */
char *gw_buf_take(struct gw_buf *b);

#endif
