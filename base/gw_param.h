/* Parameters an administrator can set, as data: each module has its table, gatewayd gathers them,
 * and parsing, range checks, the API, `set --help` and the web page come from it. */
#ifndef GW_PARAM_H
#define GW_PARAM_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"

enum gw_param_type {
    GW_PARAM_INT,    /* member: int64_t; with a word, that word is stored as GW_PARAM_WORD */
    GW_PARAM_CHOICE, /* member: int, index into choices */
    GW_PARAM_TEXT /* member: char *, owned; min and max bound its length in bytes; printable UTF-8 */
};

enum { GW_PARAM_WORD = -1 }; /* outside every range */

struct gw_param {
    const char *key;      /* "calendar.spread_s" */
    const char *shown_as; /* "Calendar Spread (seconds)" */
    const char *help;     /* one line */
    enum gw_param_type type;
    size_t offset; /* of the member in the module's settings struct */
    int64_t min, max;
    const char *def;            /* as an administrator would type it */
    const char *word;           /* GW_PARAM_INT: also accepted, e.g. "auto"; or NULL */
    const char *const *choices; /* GW_PARAM_CHOICE: ends with NULL */
};

/* Checks and stores. On failure the setting is untouched, and err names the key, the value and
 * what is accepted. */
enum gw_code gw_param_set(const struct gw_param *p, void *settings, struct gw_str value,
                          struct gw_err *err);
void gw_param_write(const struct gw_param *p, const void *settings, struct gw_buf *out);
void gw_param_range_write(const struct gw_param *p, struct gw_buf *out); /* "0..59, or auto" */

/* Every parameter of a table to its default; the settings start zeroed. */
void gw_param_defaults(const struct gw_param *table, size_t count, void *settings);
void gw_param_settings_done(const struct gw_param *table, size_t count, void *settings);
const struct gw_param *gw_param_find(const struct gw_param *table, size_t count, struct gw_str key);

#endif
