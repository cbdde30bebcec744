#include <assert.h>
#include <string.h>

#include "gw_mem.h"
#include "gw_priv.h"
#include "gw_str.h"

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool gw_str_ieq(struct gw_str a, struct gw_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    }
    return true;
}

int gw_str_cmp(struct gw_str a, struct gw_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = n ? memcmp(a.p, b.p, n) : 0;

    return d ? d : (a.len > b.len) - (a.len < b.len);
}

ptrdiff_t gw_str_find(struct gw_str s, char c)
{
    const char *at = s.len ? memchr(s.p, c, s.len) : NULL;

    return at ? at - s.p : -1;
}

/* Separators are short: what begins one is looked for, many bytes at a time, and memmem() looks at each. */
static const char *find(struct gw_str s, const char *sep, size_t n)
{
    const char *at = s.p, *last;

    if (s.len < n)
        return NULL;
    for (last = s.p + s.len - n; at <= last; at++) {
        at = memchr(at, sep[0], (size_t)(last - at) + 1);
        if (!at || memcmp(at, sep, n) == 0)
            return at;
    }
    return NULL;
}

bool gw_str_cut(struct gw_str s, const char *sep, struct gw_str *before, struct gw_str *after)
{
    size_t n = strlen(sep);
    const char *at;

    assert(n);
    at = find(s, sep, n);
    if (!at)
        return false;
    if (before)
        *before = gw_str_sub(s, 0, (size_t)(at - s.p));
    if (after)
        *after = gw_str_sub(s, (size_t)(at - s.p) + n, s.len);
    return true;
}

bool gw_str_next(struct gw_str *rest, const char *sep, struct gw_str *item)
{
    if (!rest->len)
        return false;
    if (!gw_str_cut(*rest, sep, item, rest)) {
        *item = *rest;
        rest->len = 0;
    }
    *item = gw_str_trim(*item);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct gw_str gw_str_trim(struct gw_str s)
{
    while (s.len && is_space(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len && is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool gw_str_to_int(struct gw_str s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.len && s.p[0] == '-';
    int64_t n = 0;

    if (s.len == (negative ? 1 : 0))
        return false;
    for (size_t i = negative; i < s.len; i++) {
        int digit = s.p[i] - '0';

        if (digit < 0 || digit > 9)
            return false;
        /* Counted downwards, since INT64_MIN has no positive twin. */
        if (n < (INT64_MIN + digit) / 10)
            return false;
        n = n * 10 - digit;
    }
    if (!negative) {
        if (n == INT64_MIN)
            return false;
        n = -n;
    }
    if (n < min || n > max)
        return false;
    *out = n;
    return true;
}

/* RFC 3629 section 4: how long a sequence is that begins with this byte, and the range of its second
 * byte, which keeps out overlong forms, surrogates and what is above U+10FFFF. */
static size_t utf8_lead(unsigned char c, unsigned char *lo, unsigned char *hi)
{
    *lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    *hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (c >= 0xC2 && c <= 0xDF)
        return 2;
    if (c >= 0xE0 && c <= 0xEF)
        return 3;
    if (c >= 0xF0 && c <= 0xF4)
        return 4;
    return 0;
}

size_t gw_utf8_decode(struct gw_str s, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char lo, hi;
    uint32_t c;
    size_t n;

    if (!s.len || !p[0])
        return 0;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    n = utf8_lead(p[0], &lo, &hi);
    if (!n || n > s.len || p[1] < lo || p[1] > hi)
        return 0;
    c = p[0] & (0xFFu >> (n + 1));
    c = c << 6 | (p[1] & 0x3Fu);
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *cp = c;
    return n;
}

bool gw_str_is_utf8(struct gw_str s)
{
    while (s.len) {
        uint32_t cp;
        size_t n = gw_utf8_decode(s, &cp);

        if (!n)
            return false;
        s = (struct gw_str){ s.p + n, s.len - n };
    }
    return true;
}

bool gw_str_is_line(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F)
            return false;
    }
    return gw_str_is_utf8(s);
}

struct gw_str gw_str_utf8_cut(struct gw_str s, size_t max)
{
    size_t n = max;

    if (s.len <= max)
        return s;
    while (n && max - n < 3 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    if (((unsigned char)s.p[n] & 0xC0) == 0x80) /* no UTF-8: any place is as good */
        n = max;
    return gw_str_sub(s, 0, n);
}

bool gw_utf8_is_printable(uint32_t cp)
{
    if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xAD || cp == 0x061C)
        return false;
    if ((cp >= 0x200B && cp <= 0x200F) || (cp >= 0x2028 && cp <= 0x202E) ||
        (cp >= 0x2060 && cp <= 0x206F))
        return false;
    if (cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB) || (cp >= 0xE0000 && cp <= 0xE0FFF))
        return false;
    return (cp & 0xFFFE) != 0xFFFE;
}

static bool is_label(struct gw_str s)
{
    if (!s.len || s.len > 63 || s.p[0] == '-' || s.p[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return true;
}

bool gw_str_is_host_name(struct gw_str s)
{
    struct gw_str label;

    while (gw_str_cut(s, ".", &label, &s)) {
        if (!is_label(label))
            return false;
    }
    return is_label(s);
}

char *gw_str_dup(struct gw_str s)
{
    char *copy = gw_alloc(s.len + 1);

    if (s.len)
        memcpy(copy, s.p, s.len);
    return copy;
}
