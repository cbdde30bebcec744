/* "repeat" of a meeting in scenarios and control requests: what makes it a series. See CONTROL.md. */
#ifndef MOCK_REPEAT_H
#define MOCK_REPEAT_H

#include "mock_json.h"
#include "mock_org.h"

enum { MOCK_REPEAT_EXCEPT_MAX = 100 };

struct mock_repeat {
    struct mock_recurrence recurrence; /* its zone is the one below: do not copy */
    struct mock_zone_named zone;
    int64_t except[MOCK_REPEAT_EXCEPT_MAX]; /* days that are left out */
    size_t except_count;
};

/* start: of the meeting, for what is not said about days. */
enum gw_code mock_repeat_read(const json_t *json, gw_utc start, struct mock_repeat *out,
                              struct gw_err *err);

/* The same again. */
json_t *mock_repeat_json(const struct mock_series *series);

#endif
