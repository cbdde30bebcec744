/* A file of rows: the first byte says how it is cut into pieces. Whatever comes out is UTF-8 and within
 * its bounds, and the same as in one piece. */
#include <stdint.h>
#include <stdlib.h>

#include "dir_csv.h"
#include "gw_buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum gw_code on_row(unsigned line, const struct gw_str *cell, size_t cells,
                           struct gw_err *err, void *ctx)
{
    struct gw_buf *out = ctx;

    (void)err;
    if (!line || !cells || cells > DIR_CSV_CELLS_MAX)
        abort();
    gw_buf_addf(out, "%u", line);
    for (size_t i = 0; i < cells; i++) {
        if (cell[i].len > DIR_CSV_ROW_MAX || !gw_str_is_utf8(cell[i]))
            abort();
        gw_buf_addf(out, "\n%zu ", cell[i].len);
        gw_buf_add_str(out, cell[i]);
    }
    return GW_OK;
}

static enum gw_code read_file(struct gw_str file, size_t piece, struct gw_buf *out)
{
    struct dir_csv *csv = dir_csv_new(on_row, out);
    struct gw_err err = { 0 };
    enum gw_code code = GW_OK;

    for (size_t at = 0; at < file.len && !code; at += piece)
        code = dir_csv_feed(csv, gw_str_sub(file, at, at + piece), &err);
    if (!code)
        code = dir_csv_end(csv, &err);
    if (code && !err.msg[0])
        abort();
    dir_csv_free(&csv);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_buf whole, pieces;
    struct gw_str file;

    if (!len)
        return 0;
    file = (struct gw_str){ (const char *)data + 1, len - 1 };
    gw_buf_init(&whole, 1 << 24);
    gw_buf_init(&pieces, 1 << 24);
    if (read_file(file, len, &whole) != read_file(file, 1 + data[0] % 32, &pieces) ||
        (!whole.failed && !gw_str_eq(gw_buf_str(&whole), gw_buf_str(&pieces))))
        abort();
    gw_buf_done(&whole);
    gw_buf_done(&pieces);
    return 0;
}
