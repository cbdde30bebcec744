/* Files as spreadsheets write them, in one piece and byte by byte: which rows, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dir_csv.h"
#include "gw_buf.h"

static enum gw_code on_row(unsigned line, const struct gw_str *cell, size_t cells,
                           struct gw_err *err, void *ctx)
{
    struct gw_buf *out = ctx;

    gw_buf_addf(out, "%u:", line);
    for (size_t i = 0; i < cells; i++)
        gw_buf_addf(out, "[%.*s]", GW_STR_ARG(cell[i]));
    if (cells && gw_str_is(cell[0], "refuse"))
        return gw_fail(err, GW_INVALID, "line %u: refused", line);
    return GW_OK;
}

static enum gw_code read_in_pieces(struct gw_str file, size_t piece, struct gw_buf *out,
                                   struct gw_err *err)
{
    struct dir_csv *csv = dir_csv_new(on_row, out);
    enum gw_code code = GW_OK;

    for (size_t at = 0; at < file.len && !code; at += piece)
        code = dir_csv_feed(csv, gw_str_sub(file, at, at + piece), err);
    if (!code)
        code = dir_csv_end(csv, err);
    dir_csv_free(&csv);
    return code;
}

static void check(size_t i, struct gw_str file, const char *rows, const char *says)
{
    static const size_t piece[] = { 1, 2, 7, 1 << 20 };

    for (size_t p = 0; p < sizeof(piece) / sizeof(piece[0]); p++) {
        struct gw_err err = { 0 };
        struct gw_buf out;
        enum gw_code code;

        gw_buf_init(&out, 1 << 20);
        gw_buf_add_cstr(&out, "");
        code = read_in_pieces(file, piece[p], &out, &err);
        if (says ? !code || !strstr(err.msg, says) : code || strcmp(out.p, rows) != 0)
            fail_msg("case %zu, pieces of %zu: '%s' '%s'", i, piece[p], out.p, err.msg);
        gw_buf_done(&out);
    }
}

static void test_files(void **state)
{
    static const struct {
        struct gw_str file;
        const char *rows; /* NULL: refused */
        const char *says;
    } c[] = {
        { GW_STR_INIT("user,name\nann,Ann\nbob,Bob\n"), "1:[user][name]2:[ann][Ann]3:[bob][Bob]",
          NULL },
        { GW_STR_INIT("user,name\r\nann,Ann\r\nbob,Bob"), "1:[user][name]2:[ann][Ann]3:[bob][Bob]",
          NULL },
        { GW_STR_INIT("user,name\rann,Ann\rbob,Bob\r"), "1:[user][name]2:[ann][Ann]3:[bob][Bob]",
          NULL },
        { GW_STR_INIT("\xef\xbb\xbfuser,name\nann,M\xc3\xbcller\n"),
          "1:[user][name]2:[ann][M\xc3\xbcller]", NULL },
        { GW_STR_INIT("user;name\nann;Ann, B\n"), "1:[user][name]2:[ann][Ann, B]", NULL },
        { GW_STR_INIT("user\tname\nann\tAnn; B\n"), "1:[user][name]2:[ann][Ann; B]", NULL },
        { GW_STR_INIT("sep=;\r\nuser;a,b,c\r\nann;Ann\r\n"), "2:[user][a,b,c]3:[ann][Ann]", NULL },
        { GW_STR_INIT("\xef\xbb\xbfsep=\t\nuser\tname\n"), "2:[user][name]", NULL },
        { GW_STR_INIT("user,\"a;b;c\",name\n"), "1:[user][a;b;c][name]", NULL },
        { GW_STR_INIT("user\nann\n"), "1:[user]2:[ann]", NULL }, /* one column */
        { GW_STR_INIT("user,name\nann,\"Ann \"\"A\"\" B\"\n"), "1:[user][name]2:[ann][Ann \"A\" B]",
          NULL },
        { GW_STR_INIT("user,name\nann,Ann \"A\" B\n"), "1:[user][name]2:[ann][Ann \"A\" B]", NULL },
        { GW_STR_INIT("user,name\nann,\"Ann \"A\" B\"\n"), "1:[user][name]2:[ann][Ann \"A\" B]",
          NULL },
        { GW_STR_INIT("user,name\n  ann  ,  Ann B \nbob,\" Bob \"\n"),
          "1:[user][name]2:[ann][Ann B]3:[bob][ Bob ]", NULL },
        { GW_STR_INIT("user,name\nann,\"two\nlines\"\nbob,Bob\n"),
          "1:[user][name]2:[ann][two\nlines]4:[bob][Bob]", NULL },
        { GW_STR_INIT("user,name\r\nann,\"two\r\nlines\"\r\nbob,Bob\r\n"),
          "1:[user][name]2:[ann][two\r\nlines]4:[bob][Bob]", NULL },
        { GW_STR_INIT("\n\nuser,name\n\n  \n,,,\nann,Ann\n\n\n"), "3:[user][name]7:[ann][Ann]",
          NULL },
        { GW_STR_INIT("\xef\xbb\xbf\r\nuser;name\r\n"), "2:[user][name]", NULL },
        { GW_STR_INIT("sep=\nann\n"), "1:[sep=]2:[ann]", NULL },
        { GW_STR_INIT("user,name\r\n\r\n   \r\nann,Ann\r\n\r\nbob,Bob"),
          "1:[user][name]4:[ann][Ann]6:[bob][Bob]", NULL },
        { GW_STR_INIT("user\tname\n\tx\n"), "1:[user][name]2:[][x]", NULL },
        { GW_STR_INIT("user,name\nann,\n"), "1:[user][name]2:[ann][]", NULL },
        { GW_STR_INIT("user,name\nann\nbob,Bob,x,y\n"), "1:[user][name]2:[ann]3:[bob][Bob][x][y]",
          NULL },
        { GW_STR_INIT("user,name\nann,Ann\n\x1a"), "1:[user][name]2:[ann][Ann]3:[\x1a]", NULL },
        { GW_STR_INIT(""), "", NULL },
        { GW_STR_INIT("\xef\xbb\xbf"), "", NULL },

        { GW_STR_INIT("user,name\nann,Ann\nbob,M\xfcller\n"), NULL,
          "line 3: byte 0xfc is not UTF-8: the file has an older encoding" },
        { GW_STR_INIT("user,name\r\nann,\x93quoted\x94\r\n"), NULL, "line 2: byte 0x93" },
        { GW_STR_INIT("user,name\nann,M\xc3\n"), NULL, "line 2: byte 0xc3" }, /* cut */
        { GW_STR_INIT("name,user\n\xe4,ann\n"), NULL, "line 2: byte 0xe4" },
        { GW_STR_INIT("user,name\nann,\xed\xa0\x80\n"), NULL, "line 2: byte 0xed" },
        { GW_STR_INIT("user,name\nann,\xc3"), NULL, "line 2: byte 0xc3" },
        { GW_STR_INIT("\xff\xfeu\0s\0e\0r\0\n\0"), NULL, "the file is UTF-16" },
        { GW_STR_INIT("\xfe\xff\0u\0s\0e\0r\0\n"), NULL, "the file is UTF-16" },
        { GW_STR_INIT("user\nan\0n\n"), NULL, "line 2: a zero byte: the file is UTF-16" },
        { GW_STR_INIT("u\0s\0e\0r\0\n\0"), NULL, "line 1: a zero byte: the file is UTF-16" },
        { GW_STR_INIT("user\nann,\xff\xfe\n"), NULL, "line 2: byte 0xff is not UTF-8" },
        { GW_STR_INIT("user\r\n\x83\x84\x83\x7d\r\n"), NULL, "Shift_JIS" },
        { GW_STR_INIT("PK\x03\x04\x14\0\x06\0"), NULL, "the file is a workbook (.xlsx, .ods)" },
        { GW_STR_INIT("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), NULL, "an old Excel (.xls)" },
        { GW_STR_INIT("\x1f\x8b\x08\0"), NULL, "the file is compressed" },
        { GW_STR_INIT("user,name\nann,\"Ann\nbob,Bob\n"), NULL,
          "line 2: a quotation mark is opened and never closed" },
        { GW_STR_INIT("user,name\nann,x\nrefuse,x\n"), NULL, "line 3: refused" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
        check(i, c[i].file, c[i].rows, c[i].says);
}

static void test_bounds(void **state)
{
    static const struct {
        const char *head, *repeated, *says;
        size_t times;
    } c[] = {
        { "user,name\nann,", "x", "line 2: the row is longer than 16384 bytes", 16 * 1024 + 1 },
        { "user,name\nann,\"", "line\n", "line 2: the row is longer than 16384 bytes", 100000 },
        { "user,name\nann,", "x,", "line 2: more than 64 cells", 100 },
        { "", "x", "line 1: longer than 16384 bytes: is this a CSV file", 20000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct gw_buf file;

        gw_buf_init(&file, 1 << 20);
        gw_buf_add_cstr(&file, c[i].head);
        for (size_t k = 0; k < c[i].times; k++)
            gw_buf_add_cstr(&file, c[i].repeated);
        gw_buf_add_cstr(&file, "\n");
        check(i, gw_buf_str(&file), NULL, c[i].says);
        gw_buf_done(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
