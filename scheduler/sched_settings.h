/* Parameters of the calendar side, as an administrator sets them. Some are used by others: the
 * notification port and the Exchange timeout by whoever owns listener and clients, the display of
 * out of office by the mapping. */
#ifndef SCHED_SETTINGS_H
#define SCHED_SETTINGS_H

#include "gw_param.h"

enum sched_oof_display { SCHED_OOF_DISPLAY, SCHED_OOF_HIDE };

/* How changes reach us. In the order in which one is tried when the one before does not work. */
enum sched_mode {
    SCHED_MODE_PUSH,      /* Exchange posts to us */
    SCHED_MODE_STREAMING, /* in answers that do not end */
    SCHED_MODE_POLL       /* calendars are read, again and again */
};
enum { SCHED_MODES = 3 };

/* Units are in the names; "minutes" are minute_ms of struct sched_args long. */
struct sched_settings {
    int64_t status_frequency_min;
    int64_t notification_port;
    int64_t spread_s; /* GW_PARAM_WORD: auto */
    int64_t exchange_timeout_s;
    int64_t exchange_queue;
    int64_t exchange_threads;
    int64_t oof_poll_min;
    int64_t cross_check_min;
    int64_t poll_min;
    int oof_display; /* enum sched_oof_display */
    int source;      /* enum sched_mode: with what it begins */
};

extern const struct gw_param sched_params[];
extern const size_t sched_param_count;

void sched_settings_default(struct sched_settings *out);

#endif
