/* A spreadsheet's file, piece by piece: CSV in UTF-8, with or without BOM, lines ended by LF, CRLF or
 * CR, cells separated by comma, semicolon or tab (whichever the first line has most of, or the line
 * "sep=;" says). Empty lines, and rows of empty cells, are passed over. White space around a cell goes,
 * unless it is quoted. */
#ifndef DIR_CSV_H
#define DIR_CSV_H

#include "gw_err.h"
#include "gw_str.h"

enum {
    DIR_CSV_CELLS_MAX = 64,
    DIR_CSV_ROW_MAX = 16 * 1024 /* bytes of all cells: a longer one has lost a quotation mark */
};

struct dir_csv;

/* line: where the row begins, from 1. Cells are borrowed for the call. Another code than GW_OK ends the
 * reading with it. */
typedef enum gw_code dir_csv_row_fn(unsigned line, const struct gw_str *cell, size_t cells,
                                    struct gw_err *err, void *ctx);

struct dir_csv *dir_csv_new(dir_csv_row_fn *row, void *ctx);
void dir_csv_free(struct dir_csv **csvp);

/* Once it has failed it does so again. GW_BADMSG names the line and what to do. */
enum gw_code dir_csv_feed(struct dir_csv *csv, struct gw_str piece, struct gw_err *err);
enum gw_code dir_csv_end(struct dir_csv *csv, struct gw_err *err);

#endif
