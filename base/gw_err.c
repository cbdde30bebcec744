#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gw_err.h"
#include "gw_str.h"

/* A message that was cut ends with a whole character. */
static void cut_to_fit(char *msg, size_t size)
{
    struct gw_str whole = gw_str_of(msg);

    if (whole.len + 1 < size)
        return;
    for (size_t i = whole.len, back = 0; i > 0 && back < 4; back++) {
        uint32_t cp;
        struct gw_str last = gw_str_sub(whole, --i, whole.len);

        if (((unsigned char)msg[i] & 0xC0) == 0x80)
            continue;
        if (gw_utf8_decode(last, &cp) != last.len)
            msg[i] = '\0';
        return;
    }
}

enum gw_code gw_fail(struct gw_err *err, enum gw_code code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    if (vsnprintf(err->msg, sizeof(err->msg), fmt, args) < 0)
        err->msg[0] = '\0';
    va_end(args);
    cut_to_fit(err->msg, sizeof(err->msg));
    return code;
}

enum gw_code gw_fail_prefix(struct gw_err *err, const char *fmt, ...)
{
    char old[sizeof(err->msg)];
    va_list args;
    int n;

    memcpy(old, err->msg, sizeof(old));
    va_start(args, fmt);
    n = vsnprintf(err->msg, sizeof(err->msg), fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n < sizeof(err->msg) - 1)
        snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, "%s", old);
    cut_to_fit(err->msg, sizeof(err->msg));
    return err->code;
}

const char *gw_code_name(enum gw_code code)
{
    switch (code) {
    case GW_OK:
        return "ok";
    case GW_AGAIN:
        return "again";
    case GW_UNREACHABLE:
        return "unreachable";
    case GW_TIMEOUT:
        return "timeout";
    case GW_BADMSG:
        return "badmsg";
    case GW_DENIED:
        return "denied";
    case GW_NOTFOUND:
        return "notfound";
    case GW_EXISTS:
        return "exists";
    case GW_INVALID:
        return "invalid";
    case GW_LIMIT:
        return "limit";
    case GW_CANCELLED:
        return "cancelled";
    case GW_INTERNAL:
        return "internal";
    }
    return "unknown";
}
