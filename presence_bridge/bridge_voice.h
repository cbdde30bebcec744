/* How presence speaks to a user's watchers: the texts of a language, and dates and times as they are
 * written in it, in a time zone. It is costly to make (ICU) and cheap to use: one for all users of a
 * language and zone. */
#ifndef BRIDGE_VOICE_H
#define BRIDGE_VOICE_H

#include "bridge_text.h"
#include "gw_hours.h"
#include "gw_time.h"

struct bridge_voice;

enum { BRIDGE_ZONE_MAX = 64 };

/* A language without texts speaks English; a zone that is not known is UTC. 'texts' is borrowed, and
 * read now: after a change there the voice is made anew. */
struct bridge_voice *bridge_voice_new(const struct bridge_texts *texts, struct gw_str language,
                                      struct gw_str zone);
void bridge_voice_free(struct bridge_voice **vp);

struct gw_str bridge_voice_text(const struct bridge_voice *v, enum bridge_text text);

/* "15:00"; with its day, "Tue, Dec 1, 15:00"; in another year than 'near', with that too. */
void bridge_voice_clock(const struct bridge_voice *v, gw_utc t, struct gw_buf *out);
void bridge_voice_date(const struct bridge_voice *v, gw_utc t, gw_utc near, struct gw_buf *out);
bool bridge_voice_same_day(const struct bridge_voice *v, gw_utc a, gw_utc b);

/* "UTC", "GMT+9", "JST": of times between these two; when summer time begins or ends in between, the
 * name that holds for both. */
void bridge_voice_zone(const struct bridge_voice *v, gw_utc a, gw_utc b, struct gw_buf *out);

/* A day of the zone, [from, to): "2026-12-01"; empty: the one that 'now' is in. */
enum gw_code bridge_voice_day(const struct bridge_voice *v, struct gw_str day, gw_utc now,
                              gw_utc *from, gw_utc *to, struct gw_err *err);

/* IANA: "Europe/Berlin". */
bool bridge_zone_is_known(struct gw_str zone);
/* One whose clocks go like the rule in the year around 'near': 'first' if it does, else a well-known one,
 * else any. False: there is none. */
bool bridge_zone_of_rule(const struct gw_zone *rule, struct gw_str first, gw_utc near,
                         struct gw_buf *out);
/* The machine's, as ICU finds it at the first call of the process. */
void bridge_zone_of_machine(struct gw_buf *out);

#endif
