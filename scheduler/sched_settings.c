/* The parameters of the calendar side. Only choices that this version honours are offered. */
#include "sched_settings.h"

#include <stddef.h>

static const char *const oof_display_choices[] = { "display", "hide", NULL };
static const char *const source_choices[] = { "push", "streaming", "poll", NULL };

#define MEMBER(name) offsetof(struct sched_settings, name)

const struct gw_param sched_params[] = {
    { .key = "calendar.status_frequency_min",
      .shown_as = "EWS Status Frequency (minutes)",
      .help = "how often Exchange refreshes each subscription; a lost one is noticed after twice "
              "this long. A new one renews every subscription",
      .type = GW_PARAM_INT,
      .offset = MEMBER(status_frequency_min),
      .min = 1,
      .max = 1440,
      .def = "60" },
    { .key = "calendar.notification_port",
      .shown_as = "Microsoft Exchange Notification Port",
      .help = "TCP port on which Exchange tells of changes; a new one renews every subscription",
      .type = GW_PARAM_INT,
      .offset = MEMBER(notification_port),
      .min = 1024,
      .max = 65535,
      .def = "50020" },
    { .key = "calendar.spread_s",
      .shown_as = "Calendar Spread (seconds)",
      .help = "changes of the same minute are spread over this long; auto: users / 100",
      .type = GW_PARAM_INT,
      .offset = MEMBER(spread_s),
      .min = 0,
      .max = 59,
      .def = "50",
      .word = "auto" },
    { .key = "calendar.exchange_timeout_s",
      .shown_as = "Exchange Timeout (seconds)",
      .help = "a request to Exchange without an answer for this long has failed",
      .type = GW_PARAM_INT,
      .offset = MEMBER(exchange_timeout_s),
      .min = 1,
      .max = 20,
      .def = "3" },
    { .key = "calendar.exchange_queue",
      .shown_as = "Exchange Queue",
      .help = "requests lined up for Exchange at a time; what is beyond it is remembered, not lost",
      .type = GW_PARAM_INT,
      .offset = MEMBER(exchange_queue),
      .min = 1,
      .max = 5000,
      .def = "2200" },
    { .key = "calendar.exchange_threads",
      .shown_as = "Exchange Threads (requests in flight)",
      .help = "requests to all Exchange servers together that wait for an answer at the same time",
      .type = GW_PARAM_INT,
      .offset = MEMBER(exchange_threads),
      .min = 1,
      .max = 100,
      .def = "60" },
    { .key = "calendar.oof_display",
      .shown_as = "Calendar Out of Office Information",
      .help = "whether automatic replies are shown in presence",
      .type = GW_PARAM_CHOICE,
      .offset = MEMBER(oof_display),
      .def = "display",
      .choices = oof_display_choices },
    { .key = "calendar.oof_poll_min",
      .shown_as = "out-of-office polling interval (minutes)",
      .help = "how often each user's automatic replies are asked for: Exchange sends no event",
      .type = GW_PARAM_INT,
      .offset = MEMBER(oof_poll_min),
      .min = 1,
      .max = 1440,
      .def = "10" },
    { .key = "calendar.cross_check_min",
      .shown_as = "cross-check interval (minutes)",
      .help =
          "how often each calendar is read although nothing was told, a hundred in one request: "
          "finds what a notification that was lost did not tell",
      .type = GW_PARAM_INT,
      .offset = MEMBER(cross_check_min),
      .min = 5,
      .max = 1440,
      .def = "60" },
    { .key = "calendar.poll_min",
      .shown_as = "calendar polling interval (minutes)",
      .help =
          "how often calendars are read where Exchange can tell of changes neither by push nor by "
          "streaming, a hundred in one request",
      .type = GW_PARAM_INT,
      .offset = MEMBER(poll_min),
      .min = 1,
      .max = 1440,
      .def = "2" },
    { .key = "calendar.source",
      .shown_as = "notification mode",
      .help = "how changes in Exchange are noticed: it calls back (push), or holds answers open "
              "(streaming), or is asked (poll); one that does not work falls back to the next",
      .type = GW_PARAM_CHOICE,
      .offset = MEMBER(source),
      .def = "push",
      .choices = source_choices },
};

const size_t sched_param_count = sizeof(sched_params) / sizeof(sched_params[0]);

void sched_settings_default(struct sched_settings *out)
{
    *out = (struct sched_settings){ 0 };
    gw_param_defaults(sched_params, sched_param_count, out);
}
