#include "mock_ntlm.h"

#include <string.h>
#include <unicode/ustring.h>

enum {
    TYPE_AT = 8, /* after the signature */
    HEADER_LEN = 12,
    AUTHENTICATE = 3,
    LM_RESPONSE_AT = 12, /* each of these: length, maximum, offset */
    NT_RESPONSE_AT = 20,
    DOMAIN_AT = 28,
    USER_AT = 36,
    FIELDS_AT = 12,
    FIELD_LEN = 8,
    FLAGS_AT = 60,
    AUTHENTICATE_LEN = 64, /* without Version */
    NEGOTIATE = 1,
    NEGOTIATE_LEN = 32, /* the same */
    VERSION_LEN = 8,
    FLAG_UNICODE = 1,
    V1_RESPONSE_LEN = 24, /* of LM and of NT */
    V2_RESPONSE_MIN = 44, /* 2.2.2.8: after that come the AV pairs */
    AV_CHANNEL_BINDINGS = 10,
    AV_EOL = 0
};

static const char signature[8] = "NTLMSSP";

static uint32_t number(struct gw_str s, size_t at, size_t len)
{
    uint32_t n = 0;

    while (len--)
        n = n << 8 | (unsigned char)s.p[at + len];
    return n;
}

static bool field(struct gw_str message, size_t at, struct gw_str *out)
{
    size_t len = number(message, at, 2), from = number(message, at + 4, 4);

    if (from > message.len || len > message.len - from)
        return false;
    *out = (struct gw_str){ message.p + from, len };
    return true;
}

/* AV pairs: identifier, length, value. */
static bool has_zero_binding(struct gw_str pairs)
{
    static const char zero[16];
    size_t at = 0;

    while (pairs.len - at >= 4) {
        uint32_t id = number(pairs, at, 2);
        size_t len = number(pairs, at + 2, 2);

        if (id == AV_EOL || len > pairs.len - at - 4)
            return false;
        if (id == AV_CHANNEL_BINDINGS)
            return len == sizeof(zero) && !memcmp(pairs.p + at + 4, zero, sizeof(zero));
        at += 4 + len;
    }
    return false;
}

static bool name_read(struct gw_str text, bool unicode, char out[MOCK_NTLM_NAME_MAX])
{
    UChar wide[MOCK_NTLM_NAME_MAX];
    UErrorCode status = U_ZERO_ERROR;
    int32_t count = (int32_t)(text.len / 2);

    if (!unicode) {
        if (text.len >= MOCK_NTLM_NAME_MAX)
            return false;
        memcpy(out, text.p, text.len);
        out[text.len] = '\0';
    } else {
        if (text.len % 2 || count >= MOCK_NTLM_NAME_MAX)
            return false;
        for (int32_t i = 0; i < count; i++)
            wide[i] = (UChar)number(text, 2 * (size_t)i, 2);
        u_strToUTF8(out, MOCK_NTLM_NAME_MAX, NULL, wide, count, &status);
        if (status != U_ZERO_ERROR) /* also when it is too long to be terminated */
            return false;
    }
    return true;
}

bool mock_ntlm_parse(struct gw_str token, struct mock_ntlm *out)
{
    const char *begin = token.len ? memmem(token.p, token.len, signature, sizeof(signature)) : NULL;
    struct gw_str message, lm, nt, domain, user;
    bool unicode;

    memset(out, 0, sizeof(*out));
    if (!begin)
        return true;
    out->at = (size_t)(begin - token.p);
    message = gw_str_sub(token, out->at, token.len);
    if (message.len < HEADER_LEN)
        return false;
    out->type = number(message, TYPE_AT, 4);
    if (out->type != AUTHENTICATE)
        return true;
    if (message.len < AUTHENTICATE_LEN || !field(message, LM_RESPONSE_AT, &lm) ||
        !field(message, NT_RESPONSE_AT, &nt) || !field(message, DOMAIN_AT, &domain) ||
        !field(message, USER_AT, &user))
        return false;
    out->v1 = nt.len == V1_RESPONSE_LEN;
    if (out->v1 ? lm.len != V1_RESPONSE_LEN : nt.len < V2_RESPONSE_MIN)
        return false;
    out->zero_binding = !out->v1 && has_zero_binding(gw_str_sub(nt, V2_RESPONSE_MIN, nt.len));
    unicode = number(message, FLAGS_AT, 4) & FLAG_UNICODE;
    return name_read(domain, unicode, out->domain) && name_read(user, unicode, out->user);
}

static bool has_version(struct gw_str message)
{
    for (size_t at = FIELDS_AT; at < FLAGS_AT; at += FIELD_LEN)
        if (number(message, at, 2) && number(message, at + 4, 4) < AUTHENTICATE_LEN + VERSION_LEN)
            return false;
    return true;
}

void mock_ntlm_complete(struct gw_str message, struct gw_buf *out)
{
    static const char version[VERSION_LEN];
    uint32_t type = number(message, TYPE_AT, 4);
    size_t at;

    if (type == NEGOTIATE && message.len == NEGOTIATE_LEN) {
        gw_buf_add_str(out, message);
        gw_buf_add(out, version, sizeof(version));
        return;
    }
    if (type != AUTHENTICATE || has_version(message)) {
        gw_buf_add_str(out, message);
        return;
    }
    gw_buf_add(out, message.p, FIELDS_AT);
    for (at = FIELDS_AT; at < FLAGS_AT; at += FIELD_LEN) {
        uint32_t offset = number(message, at + 4, 4) + VERSION_LEN;

        gw_buf_add(out, message.p + at, 4);
        for (unsigned shift = 0; shift < 32; shift += 8)
            gw_buf_add_char(out, (char)(offset >> shift));
    }
    gw_buf_add(out, message.p + at, AUTHENTICATE_LEN - at);
    gw_buf_add(out, version, sizeof(version));
    gw_buf_add_str(out, gw_str_sub(message, AUTHENTICATE_LEN, message.len));
}
