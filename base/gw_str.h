/* Borrowed text: a pointer and a length. Never owns, need not end with NUL. */
#ifndef GW_STR_H
#define GW_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is small stands here, so that the compiler knows the length of a literal. */
struct gw_str {
    const char *p; /* may be NULL only when len is 0 */
    size_t len;
};

/* A string literal as gw_str: in expressions, and as a static initializer. */
#define GW_STR(lit) ((struct gw_str){ "" lit, sizeof(lit) - 1 })
#define GW_STR_INIT(lit)                                                                           \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

/* For printf's "%.*s". */
#define GW_STR_ARG(s) (int)(s).len, (s).p

/* NULL gives the empty string. */
static inline struct gw_str gw_str_of(const char *cstr)
{
    return cstr ? (struct gw_str){ cstr, strlen(cstr) } : GW_STR("");
}

static inline bool gw_str_eq(struct gw_str a, struct gw_str b)
{
    return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

bool gw_str_ieq(struct gw_str a, struct gw_str b); /* ASCII letters fold, nothing else */

static inline bool gw_str_is(struct gw_str a, const char *cstr)
{
    return gw_str_eq(a, gw_str_of(cstr));
}

static inline bool gw_str_iis(struct gw_str a, const char *cstr)
{
    return gw_str_ieq(a, gw_str_of(cstr));
}

int gw_str_cmp(struct gw_str a, struct gw_str b); /* bytewise, as for qsort */

/* s[from, to), clipped to the string. */
static inline struct gw_str gw_str_sub(struct gw_str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from >= to)
        from = to;
    return s.len ? (struct gw_str){ s.p + from, to - from } : s;
}

static inline bool gw_str_starts(struct gw_str s, const char *prefix)
{
    return gw_str_is(gw_str_sub(s, 0, strlen(prefix)), prefix);
}

static inline bool gw_str_ends(struct gw_str s, const char *suffix)
{
    size_t n = strlen(suffix);

    return n <= s.len && gw_str_is(gw_str_sub(s, s.len - n, s.len), suffix);
}

/* Index of the first 'c', or -1. */
ptrdiff_t gw_str_find(struct gw_str s, char c);

/* Splits at the first 'sep'. False, and outputs untouched, when there is none. Either output may be
 * NULL or point to the input. */
bool gw_str_cut(struct gw_str s, const char *sep, struct gw_str *before, struct gw_str *after);

/* The next item of a list, trimmed; empty between two separators, never behind the last. False: no more. */
bool gw_str_next(struct gw_str *rest, const char *sep, struct gw_str *item);

/* Without leading and trailing white space of XML: space, tab, CR, LF. */
struct gw_str gw_str_trim(struct gw_str s);

/* Decimal, whole string, no white space; false when out of [min, max] or not a number. */
bool gw_str_to_int(struct gw_str s, int64_t min, int64_t max, int64_t *out);

/* RFC 1123 2.1: labels of letters, digits and inner hyphens, of at most 63 bytes each. */
bool gw_str_is_host_name(struct gw_str s);

/* RFC 3629, without NUL, surrogates or overlong forms. */
bool gw_str_is_utf8(struct gw_str s);

/* One line of text: such UTF-8, without the control characters of ASCII. */
bool gw_str_is_line(struct gw_str s);

/* The character at the start of s: its code point, and its length in bytes; 0 when s is empty or does
 * not begin with a well-formed character as above. */
size_t gw_utf8_decode(struct gw_str s, uint32_t *cp);

/* The longest prefix of at most 'max' bytes that does not split a UTF-8 character. */
struct gw_str gw_str_utf8_cut(struct gw_str s, size_t max);

/* Gives a NUL-terminated copy: free(). */
char *gw_str_dup(struct gw_str s);

#endif
