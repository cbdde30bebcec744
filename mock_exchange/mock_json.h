/* JSON members read with their type checked, so that a mistake in a scenario or a control request
 * ends in a sentence. A member that is not there leaves *out as it is. */
#ifndef MOCK_JSON_H
#define MOCK_JSON_H

#include <jansson.h>

#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"

/* A document that may have comments: from "//" or "#" to the end of the line, outside of texts. NULL
 * when it is not JSON otherwise, or says a member twice; what gives line and reason. */
json_t *mock_json_parse(struct gw_str text, json_error_t *what);

/* GW_INVALID when the object has members besides these (separated by spaces), or is none. */
enum gw_code mock_json_only(const json_t *object, const char *what, const char *members,
                            struct gw_err *err);

enum gw_code mock_json_text(const json_t *object, const char *member, struct gw_str *out,
                            struct gw_err *err);
enum gw_code mock_json_int(const json_t *object, const char *member, int64_t min, int64_t max,
                           int64_t *out, struct gw_err *err);
enum gw_code mock_json_share(const json_t *object, const char *member, double *out,
                             struct gw_err *err); /* a number from 0 to 1 */
enum gw_code mock_json_bool(const json_t *object, const char *member, bool *out,
                            struct gw_err *err);
/* One of the names (ends with NULL), case-blind; its index. */
enum gw_code mock_json_word(const json_t *object, const char *member, const char *const *names,
                            int *out, struct gw_err *err);
/* Lengths of time: "90s", "1h30m", "500ms", "2d", or seconds as a number. */
enum gw_code mock_json_span(const json_t *object, const char *member, int64_t *out_ms,
                            struct gw_err *err);
/* Moments: "2026-11-20T09:00:00Z", "now", "+5s", "-10m", "in 5s", or seconds from now. */
enum gw_code mock_json_moment(const json_t *object, const char *member, gw_utc now, gw_utc *out,
                              struct gw_err *err);

bool mock_span_parse(struct gw_str text, int64_t *out_ms);
bool mock_moment_parse(struct gw_str text, gw_utc now, gw_utc *out);

/* "2026-11-20T09:15:02.250Z"; null for 0. */
json_t *mock_json_utc(gw_utc t);

#endif
