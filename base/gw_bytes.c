#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gw_bytes.h"
#include "gw_priv.h"

void gw_random(void *out, size_t len)
{
    char *p = out;

    while (len) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            abort();
        }
        p += n;
        len -= (size_t)n;
    }
}

static const char hex_digits[] = "0123456789abcdef";

void gw_random_hex(char *out, size_t n)
{
    while (n) {
        unsigned char bytes[256]; /* one call gives them whole */
        size_t some = n < sizeof(bytes) ? n : sizeof(bytes);

        gw_random(bytes, some);
        for (size_t i = 0; i < some; i++) {
            *out++ = hex_digits[bytes[i] >> 4];
            *out++ = hex_digits[bytes[i] & 15];
        }
        gw_wipe(bytes, some);
        n -= some;
    }
    *out = '\0';
}

static inline uint64_t rotl(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* Little-endian, whatever the machine is. */
static inline uint64_t load(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

static uint64_t load_rest(const char *p, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return word;
}

uint64_t gw_siphash(const uint64_t key[2], struct gw_str s)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                      key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
    size_t whole = s.len & ~(size_t)7;
    uint64_t word;

    for (size_t i = 0; i < whole; i += 8) {
        word = load(s.p + i);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)s.len << 56;
    if (s.len > whole)
        word |= load_rest(s.p + whole, s.len - whole);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t gw_hash_stable(struct gw_str s)
{
    static const uint64_t key[2] = { 0x4b616c656e647321, 0x0102030405060708 };

    return gw_siphash(key, s);
}

void gw_hex_write(struct gw_str bytes, struct gw_buf *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.p[i];

        gw_buf_add(out, (char[]){ hex_digits[c >> 4], hex_digits[c & 15] }, 2);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool gw_hex_parse(struct gw_str hex, struct gw_buf *out)
{
    if (hex.len % 2)
        return false;
    for (size_t i = 0; i < hex.len; i++) {
        if (hex_value(hex.p[i]) < 0)
            return false;
    }
    for (size_t i = 0; i < hex.len; i += 2)
        gw_buf_add_char(out, (char)(hex_value(hex.p[i]) * 16 + hex_value(hex.p[i + 1])));
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gw_base64_write(struct gw_str bytes, struct gw_buf *out)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        unsigned long bits = 0;
        char quad[4] = { '=', '=', '=', '=' };

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0);
        for (size_t k = 0; k <= n; k++)
            quad[k] = base64_digits[bits >> (18 - 6 * k) & 63];
        gw_buf_add(out, quad, 4);
    }
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 3.5: the bits beside the last byte must be zero, so that there is one text for one
 * value. */
static bool base64_is_valid(struct gw_str text, size_t digits)
{
    if (text.len % 4)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (base64_value(text.p[i]) < 0)
            return false;
    }
    if (digits % 4 == 2)
        return (base64_value(text.p[digits - 1]) & 15) == 0;
    if (digits % 4 == 3)
        return (base64_value(text.p[digits - 1]) & 3) == 0;
    return digits % 4 == 0;
}

bool gw_base64_parse(struct gw_str text, struct gw_buf *out)
{
    size_t digits = text.len;

    for (int padding = 0; padding < 2 && digits && text.p[digits - 1] == '='; padding++)
        digits--;
    if (!base64_is_valid(text, digits))
        return false;
    for (size_t i = 0; i < digits; i += 4) {
        size_t n = digits - i < 4 ? digits - i : 4;
        unsigned long bits = 0;
        char bytes[3];

        for (size_t k = 0; k < 4; k++)
            bits = bits << 6 | (k < n ? (unsigned long)base64_value(text.p[i + k]) : 0);
        for (size_t k = 0; k < 3; k++)
            bytes[k] = (char)(bits >> (16 - 8 * k) & 255);
        gw_buf_add(out, bytes, n - 1);
    }
    return true;
}

void gw_percent_write(struct gw_str text, struct gw_buf *out)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.p[i] && strchr(plain, text.p[i]))
            gw_buf_add_char(out, text.p[i]);
        else
            gw_buf_addf(out, "%%%02X", (unsigned char)text.p[i]);
    }
}

bool gw_secret_eq(struct gw_str a, struct gw_str b)
{
    volatile unsigned char differ = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ |= (unsigned char)(a.p[i] ^ b.p[i]);
    return !differ;
}

void gw_wipe(void *p, size_t len)
{
    if (len)
        explicit_bzero(p, len);
}

void gw_secret_free(char **secretp)
{
    if (!*secretp)
        return;
    gw_wipe(*secretp, strlen(*secretp));
    free(*secretp);
    *secretp = NULL;
}
