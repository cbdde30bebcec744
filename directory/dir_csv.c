/* libcsv finds the cells; before it stands what spreadsheets do to a file as a whole: encodings, byte
 * order marks, separators by country, line ends. It is fed line by line, so that a row knows its
 * number. */
#include "dir_csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "gw_buf.h"
#include "gw_mem.h"

#define SAVE_AS "save it as 'CSV UTF-8'"

struct dir_csv {
    dir_csv_row_fn *row;
    void *ctx;
    struct csv_parser parser;
    bool begun;              /* the separator is known */
    struct gw_buf head;      /* the first line, until it is whole */
    unsigned line, row_line; /* that is read; where the row began, 0: none has */
    bool after_cr;

    unsigned char utf8_first, utf8_left, utf8_min,
        utf8_max; /* of a character: its first byte, bytes to come, the next one's range */

    char start[4]; /* of the file: tells what it is when it is no text */
    size_t start_len;

    struct gw_buf text; /* of the row's cells, one after the other */
    size_t len[DIR_CSV_CELLS_MAX];
    size_t cells;
    struct gw_err failed;
};

struct dir_csv *dir_csv_new(dir_csv_row_fn *row, void *ctx)
{
    struct dir_csv *csv = gw_new(struct dir_csv);

    csv->row = row;
    csv->ctx = ctx;
    csv->line = 1;
    (void)csv_init(&csv->parser, 0); /* fails for no parser only */
    gw_buf_init(&csv->head, DIR_CSV_ROW_MAX);
    gw_buf_init(&csv->text, DIR_CSV_ROW_MAX);
    return csv;
}

void dir_csv_free(struct dir_csv **csvp)
{
    struct dir_csv *csv = *csvp;

    if (!csv)
        return;
    *csvp = NULL;
    csv_free(&csv->parser);
    gw_buf_done(&csv->head);
    gw_buf_done(&csv->text);
    free(csv);
}

/* --- encoding: RFC 3629, a byte at a time, since pieces end anywhere */

static void utf8_begin(struct dir_csv *csv, unsigned char c)
{
    csv->utf8_first = c;
    csv->utf8_min = 0x80;
    csv->utf8_max = 0xbf;
    csv->utf8_left = (unsigned char)(c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1);
    if (c == 0xe0)
        csv->utf8_min = 0xa0;
    else if (c == 0xed) /* no surrogates */
        csv->utf8_max = 0x9f;
    else if (c == 0xf0)
        csv->utf8_min = 0x90;
    else if (c == 0xf4)
        csv->utf8_max = 0x8f;
}

static bool utf8_take(struct dir_csv *csv, unsigned char c)
{
    if (!csv->utf8_left) {
        if (c < 0x80)
            return c != '\0';
        if (c < 0xc2 || c > 0xf4)
            return false;
        utf8_begin(csv, c);
        return true;
    }
    if (c < csv->utf8_min || c > csv->utf8_max)
        return false;
    csv->utf8_left--;
    csv->utf8_min = 0x80;
    csv->utf8_max = 0xbf;
    return true;
}

/* Files that get chosen by mistake, by their first bytes. Each has a byte soon that is not UTF-8. */
static const struct {
    const char *start, *is;
} mistaken[] = {
    { "PK\x03\x04", "a workbook (.xlsx, .ods) or another archive" },
    { "\xd0\xcf", "a workbook of an old Excel (.xls)" },
    { "\x1f\x8b", "compressed" },
    { "\xff", "UTF-16 ('Unicode text')" },
    { "\xfe", "UTF-16 ('Unicode text')" },
};

/* A character that is not whole is its first byte's fault: what follows is a letter as good as any. */
static void encoding_fail(struct dir_csv *csv, unsigned char c)
{
    struct gw_str start = { csv->start, csv->start_len };

    for (size_t i = 0; i < sizeof(mistaken) / sizeof(mistaken[0]); i++)
        if (gw_str_starts(start, mistaken[i].start)) {
            gw_fail(&csv->failed, GW_BADMSG, "the file is %s, not CSV in UTF-8: " SAVE_AS,
                    mistaken[i].is);
            return;
        }
    if (!c)
        gw_fail(&csv->failed, GW_BADMSG,
                "line %u: a zero byte: the file is UTF-16 ('Unicode text') or no text: " SAVE_AS,
                csv->line);
    else
        gw_fail(&csv->failed, GW_BADMSG,
                "line %u: byte 0x%02x is not UTF-8: the file has an older encoding ('ANSI', "
                "Windows-1252, Shift_JIS): " SAVE_AS,
                csv->line, csv->utf8_left ? csv->utf8_first : c);
}

/* --- what libcsv finds */

static void on_cell(void *p, size_t len, void *ctx)
{
    struct dir_csv *csv = ctx;

    if (csv->failed.code)
        return;
    if (csv->cells == DIR_CSV_CELLS_MAX) {
        gw_fail(&csv->failed, GW_BADMSG, "line %u: more than %d cells in a row", csv->row_line,
                DIR_CSV_CELLS_MAX);
        return;
    }
    gw_buf_add(&csv->text, p, len);
    csv->len[csv->cells++] = len;
}

static void row_too_long(struct dir_csv *csv)
{
    gw_fail(&csv->failed, GW_BADMSG,
            "line %u: the row is longer than %d bytes: is a quotation mark missing?", csv->row_line,
            DIR_CSV_ROW_MAX);
}

static void on_row(int end, void *ctx)
{
    struct dir_csv *csv = ctx;
    struct gw_str cell[DIR_CSV_CELLS_MAX];
    const char *at = csv->text.p;

    (void)end;
    if (csv->text.failed && !csv->failed.code)
        row_too_long(csv);
    if (!csv->failed.code && csv->text.len) {
        for (size_t i = 0; i < csv->cells; i++) {
            cell[i] = (struct gw_str){ at, csv->len[i] };
            at += csv->len[i];
        }
        (void)csv->row(csv->row_line, cell, csv->cells, &csv->failed, csv->ctx);
    }
    gw_buf_reset(&csv->text);
    csv->cells = 0;
    csv->row_line = 0;
}

/* --- lines */

static bool is_blank(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr(" \r\n", s.p[i]))
            return false;
    return true;
}

/* At most one line, with its end. */
static void parse(struct dir_csv *csv, struct gw_str s)
{
    if (!csv->row_line && is_blank(s)) /* libcsv would say nothing, and the row begin here */
        return;
    if (!csv->row_line)
        csv->row_line = csv->line;
    if (csv_parse(&csv->parser, s.p, s.len, on_cell, on_row, csv) != s.len && !csv->failed.code)
        gw_fail(&csv->failed, GW_INTERNAL, "line %u: %s", csv->row_line,
                csv_strerror(csv_error(&csv->parser)));
    if (csv->parser.entry_pos > DIR_CSV_ROW_MAX && !csv->failed.code)
        row_too_long(csv);
}

static char separator(struct gw_str line)
{
    static const char known[] = ",;\t";
    size_t count[sizeof(known) - 1] = { 0 }, best = 0;
    bool quoted = false;

    for (size_t i = 0; i < line.len; i++) {
        const char *found = line.p[i] ? strchr(known, line.p[i]) : NULL;

        quoted ^= line.p[i] == '"';
        if (found && !quoted)
            count[found - known]++;
    }
    for (size_t i = 1; i < sizeof(known) - 1; i++)
        if (count[i] > count[best])
            best = i;
    return known[best];
}

/* Excel's own: "sep=;". */
static bool names_separator(struct gw_str line)
{
    return line.len >= 5 && gw_str_starts(line, "sep=") && strchr(",;\t|", line.p[4]) &&
           !gw_str_trim(gw_str_sub(line, 5, line.len)).len;
}

/* The first line that is not empty is whole. */
static void begin(struct dir_csv *csv)
{
    struct gw_str line = gw_buf_str(&csv->head);

    if (gw_str_starts(line, "\xef\xbb\xbf"))
        line = gw_str_sub(line, 3, line.len);
    if (!gw_str_trim(line).len) {
        gw_buf_reset(&csv->head);
        return;
    }
    csv->begun = true;
    if (names_separator(line)) {
        csv_set_delim(&csv->parser, (unsigned char)line.p[4]);
    } else {
        csv_set_delim(&csv->parser, (unsigned char)separator(line));
        parse(csv, line);
    }
    gw_buf_done(&csv->head);
}

static void take(struct dir_csv *csv, struct gw_str s, bool line_ended)
{
    if (csv->begun) {
        parse(csv, s);
        return;
    }
    gw_buf_add_str(&csv->head, s);
    if (csv->head.failed)
        gw_fail(&csv->failed, GW_BADMSG, "line 1: longer than %d bytes: is this a CSV file?",
                DIR_CSV_ROW_MAX);
    else if (line_ended)
        begin(csv);
}

enum gw_code dir_csv_feed(struct dir_csv *csv, struct gw_str piece, struct gw_err *err)
{
    size_t start = 0;

    for (size_t i = 0; i < piece.len && csv->start_len < sizeof(csv->start); i++)
        csv->start[csv->start_len++] = piece.p[i];
    for (size_t i = 0; i < piece.len && !csv->failed.code; i++) {
        unsigned char c = (unsigned char)piece.p[i];
        bool ends = c == '\n' || c == '\r';

        if (!utf8_take(csv, c)) {
            encoding_fail(csv, c);
            break;
        }
        if (ends || i - start == DIR_CSV_ROW_MAX) {
            take(csv, gw_str_sub(piece, start, i + 1), ends);
            start = i + 1;
        }
        csv->line += ends && !(c == '\n' && csv->after_cr);
        csv->after_cr = c == '\r';
    }
    if (!csv->failed.code && start < piece.len)
        take(csv, gw_str_sub(piece, start, piece.len), false);
    if (csv->failed.code && err)
        *err = csv->failed;
    return csv->failed.code;
}

enum gw_code dir_csv_end(struct dir_csv *csv, struct gw_err *err)
{
    if (!csv->failed.code && csv->utf8_left)
        encoding_fail(csv, csv->utf8_first);
    if (!csv->failed.code && !csv->begun)
        begin(csv);
    csv_set_opts(&csv->parser, CSV_STRICT | CSV_STRICT_FINI); /* lenient inside of rows only */
    if (!csv->failed.code && csv_fini(&csv->parser, on_cell, on_row, csv) && !csv->failed.code)
        gw_fail(&csv->failed, GW_BADMSG, "line %u: a quotation mark is opened and never closed",
                csv->row_line);
    if (csv->failed.code && err)
        *err = csv->failed;
    return csv->failed.code;
}
