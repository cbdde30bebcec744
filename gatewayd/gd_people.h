/* What each user's calendar is looked at with: the policy that applies, and the voice that speaks of it.
 * Both are shared; they are found once for a user, and anew when something that decides about them has
 * changed. Here presence is told to the core, when it is another one. */
#ifndef GD_PEOPLE_H
#define GD_PEOPLE_H

#include "gd.h"

void gd_people_start(struct gd *gd);
void gd_people_done(struct gd *gd);

/* The user is another one. */
void gd_person_forget(struct gd *gd, struct gw_str user);
/* The user is gone, or has no calendar any more. */
void gd_person_remove(struct gd *gd, struct gw_str user);
/* Policies, texts, or what decides about language and zone are other ones: everybody is looked at anew,
 * a few at a time. */
void gd_people_look_again(struct gd *gd);

/* Parameter calendar.oof_display. */
void gd_people_hide_replies(struct gd *gd, bool hide);

/* Borrowed until the next change of the book, the texts or the user. False: no such user. */
struct gd_glasses {
    const struct bridge_policy *policy;
    const struct bridge_voice *voice;
    enum sched_hours hours; /* whether working hours count, or are known for their zone */
    bool hides_replies;     /* the user, or everybody */
};
bool gd_person_glasses(struct gd *gd, struct gw_str user, struct gd_glasses *out);

/* Gives a voice of the user's language and zone. */
struct bridge_voice *gd_voice_new(struct gd *gd, const struct dir_user *user);

/* The tag of an item, by the user's policy. */
unsigned short gd_person_classify(struct gd *gd, struct gw_str user, const struct gw_item *item);
bool gd_person_looks_at(struct gd *gd, struct gw_str user, struct gw_str calendar);

/* The words of a state, without times, as they are said of the user; borrowed like gd_glasses. Empty:
 * no such user. */
struct gw_str gd_person_words(struct gd *gd, struct gw_str user, enum pres_calendar_kind kind);
/* The same of a phrase; of who is no user in the language of presence.language. */
struct gw_str gd_person_phrase(struct gd *gd, struct gw_str user, enum pres_phrase phrase);

/* What the user's automatic reply says, as Exchange has it. Kept as plain text, also over a restart. */
void gd_person_replies(struct gd *gd, struct gw_str user, struct gw_str internal,
                       struct gw_str external);
/* The user's working hours are other ones: presence, and the zone, may depend on them. */
void gd_person_hours(struct gd *gd, struct gw_str user);
enum gw_code gd_replies_load(struct gd *gd, struct gw_err *err);

/* What the calendar says of a user at a time. False: no calendar is watched. */
bool gd_person_calendar(struct gd *gd, struct gw_str user, gw_utc at, struct pres_calendar *told,
                        struct bridge_look *why);

#endif
