/* What the tests of ews/ share. */
#ifndef EWS_TEST_H
#define EWS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews_codec.h"

/* A sample document; free(). */
static inline char *ews_test_file(const char *name)
{
    char path[256];
    char *text;
    long len;
    FILE *f;

    snprintf(path, sizeof(path), "tests/data/ews/%s", name);
    f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: not found; run in the project's folder", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    len = ftell(f);
    rewind(f);
    text = calloc(1, (size_t)len + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)len, f), (size_t)len);
    fclose(f);
    return text;
}

/* A body in an envelope, written briefly: other prefixes than the server uses are no matter. */
#define EWS_TEST_ENVELOPE(body)                                                                    \
    "<x:Envelope xmlns:x='http://schemas.xmlsoap.org/soap/envelope/'><x:Header>"                   \
    "<h:ServerVersionInfo xmlns:h='http://schemas.microsoft.com/exchange/services/2006/types' "    \
    "MajorVersion='14' MinorVersion='3'/></x:Header><x:Body>" body "</x:Body></x:Envelope>"

/* 2026-11-20T00:00:00Z */
#define EWS_TEST_DAY ((gw_utc)1795132800000)

static inline gw_utc ews_test_utc(const char *text)
{
    gw_utc t = 0;

    assert_int_equal(gw_utc_parse(gw_str_of(text), &t, NULL), GW_OK);
    return t;
}

#endif
