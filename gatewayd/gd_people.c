#include "gd_people.h"

#include <stdlib.h>
#include <string.h>

#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

enum { SLICE = 256 }; /* users looked at before others have their turn */

struct person {
    struct gw_list link;       /* people.looked, or people.stale */
    struct gd_glasses glasses; /* policy NULL: to be found */
    uint64_t mark;             /* of what was told; told false: nothing */
    bool told;
    size_t jid_len;
    char jid[];
};

/* A voice of a language and zone. */
struct voice {
    struct bridge_voice *voice;
    size_t key_len;
    char key[];
};

struct gd_people {
    struct gw_map *by_jid, *voices;
    struct gw_list looked, stale; /* the latter are to be looked at again */
    bool hide_replies;
    struct net_timer *timer;
};

/* ---- voices ---- */

static void voices_forget(struct gd_people *people)
{
    struct voice *v;
    size_t pos = 0;

    while ((v = gw_map_next(people->voices, &pos))) {
        (void)gw_map_remove(people->voices, (struct gw_str){ v->key, v->key_len });
        bridge_voice_free(&v->voice);
        free(v);
    }
}

static const struct bridge_voice *voice_of(struct gd *gd, struct gw_str language,
                                           struct gw_str zone)
{
    struct gd_people *people = gd->people;
    struct gw_buf key, machine;
    struct voice *v;

    gw_buf_init(&machine, BRIDGE_ZONE_MAX * 2);
    if (!language.len)
        language = gw_str_of(gd->settings.bridge.language);
    if (!zone.len)
        zone = gw_str_of(gd->settings.bridge.zone);
    if (!zone.len) {
        bridge_zone_of_machine(&machine);
        zone = gw_buf_str(&machine);
    }
    gw_buf_init(&key, DIR_LANGUAGE_MAX + DIR_ZONE_MAX + BRIDGE_ZONE_MAX * 2);
    gw_buf_addf(&key, "%.*s %.*s", GW_STR_ARG(language), GW_STR_ARG(zone));
    v = gw_map_get(people->voices, gw_buf_str(&key));
    if (!v) {
        v = gw_alloc(sizeof(*v) + key.len);
        v->voice = bridge_voice_new(gd->texts, language, zone);
        v->key_len = key.len;
        memcpy(v->key, key.p, key.len);
        (void)gw_map_set(people->voices, (struct gw_str){ v->key, v->key_len }, v);
    }
    gw_buf_done(&key);
    gw_buf_done(&machine);
    return v->voice;
}

/* ---- people ---- */

static struct person *person_get(struct gd *gd, struct gw_str jid)
{
    struct person *p = gw_map_get(gd->people->by_jid, jid);

    if (p)
        return p;
    p = gw_alloc(sizeof(*p) + jid.len);
    p->jid_len = jid.len;
    memcpy(p->jid, jid.p, jid.len);
    (void)gw_map_set(gd->people->by_jid, (struct gw_str){ p->jid, p->jid_len }, p);
    gw_list_append(&gd->people->looked, &p->link);
    return p;
}

static void person_free(struct gd_people *people, struct person *p)
{
    (void)gw_map_remove(people->by_jid, (struct gw_str){ p->jid, p->jid_len });
    gw_list_remove(&p->link);
    free(p);
}

void gd_person_forget(struct gd *gd, struct gw_str user)
{
    struct person *p = gw_map_get(gd->people->by_jid, user);

    if (p)
        person_free(gd->people, p);
}

static bool glasses_find(struct gd *gd, struct gw_str jid, struct gd_glasses *out)
{
    struct dir_user user;

    if (!dir_user_get(gd->dir, jid, &user))
        return false;
    out->policy = bridge_book_policy(
        gd->book,
        &(struct bridge_person){ .user = user.jid, .domain = user.domain, .group = user.group });
    out->voice = voice_of(gd, user.language, user.zone);
    out->hides_replies = user.hide_oof || gd->settings.sched.oof_display == SCHED_OOF_HIDE;
    return true;
}

bool gd_person_glasses(struct gd *gd, struct gw_str user, struct gd_glasses *out)
{
    struct person *p = gw_map_get(gd->people->by_jid, user);

    if (!p || !p->glasses.policy)
        return glasses_find(gd, user, out);
    *out = p->glasses;
    return true;
}

/* What the policy looks at is asked for from now on. */
static bool glasses_put_on(struct gd *gd, struct person *p)
{
    struct gw_str jid = { p->jid, p->jid_len };

    if (!glasses_find(gd, jid, &p->glasses))
        return false;
    sched_user_want(gd->sched, jid, bridge_policy_needs(p->glasses.policy),
                    bridge_policy_mark(p->glasses.policy), net_loop_now(gd->loop));
    return true;
}

unsigned short gd_person_classify(struct gd *gd, struct gw_str user, const struct gw_item *item)
{
    struct gd_glasses glasses;

    return gd_person_glasses(gd, user, &glasses) ? bridge_policy_tag(glasses.policy, item) : 0;
}

/* ---- what is said ---- */

static bool calendar_get(struct gd *gd, struct gw_str user, const struct gd_glasses *glasses,
                         struct sched_calendar *known, struct bridge_calendar *out)
{
    if (!sched_user_calendar(gd->sched, user, known))
        return false;
    *out = (struct bridge_calendar){
        .intervals = known->intervals, .count = known->count, .from = known->from, .to = known->to
    };
    if (known->oof_known && !glasses->hides_replies)
        out->oof = &known->oof;
    return true;
}

bool gd_person_calendar(struct gd *gd, struct gw_str user, gw_utc at, struct pres_calendar *told,
                        struct bridge_look *why)
{
    struct sched_calendar known;
    struct bridge_calendar in;
    struct gd_glasses glasses;

    if (!gd_person_glasses(gd, user, &glasses) || !calendar_get(gd, user, &glasses, &known, &in))
        return false;
    bridge_presence(&in, glasses.policy, glasses.voice, at, told, why);
    return true;
}

static void nothing_to_say(struct gd *gd, struct gw_str user, struct gw_now now)
{
    struct pres_calendar nothing = { .kind = PRES_CAL_NONE, .until = GW_NEVER };

    pres_calendar_set(gd->core, user, &nothing, now);
    gd_person_forget(gd, user); /* 'user' may be its own text */
}

/* Asked afresh each time; told, which costs more, only when it is another thing. Whether watchers see a
 * difference is the core's business. */
void gd_calendar_publish(struct gd *gd, struct gw_str user)
{
    struct gw_now now = net_loop_now(gd->loop);
    struct sched_calendar known;
    struct bridge_calendar in;
    struct bridge_look look;
    struct pres_calendar told;
    struct person *p;
    uint64_t mark;

    p = person_get(gd, user);
    if ((!p->glasses.policy && !glasses_put_on(gd, p)) ||
        !calendar_get(gd, user, &p->glasses, &known, &in)) {
        nothing_to_say(gd, user, now);
        return;
    }
    bridge_look(&in, p->glasses.policy, now.utc, &look);
    mark = bridge_look_mark(&in, &look);
    if (p->told && mark == p->mark)
        return;
    bridge_tell(&in, p->glasses.policy, p->glasses.voice, &look, &told);
    p->told = true;
    p->mark = mark;
    pres_calendar_set(gd->core, user, &told, now);
}

/* ---- everybody ---- */

static void on_timer(struct gw_now now, void *ctx)
{
    struct gd *gd = ctx;
    struct gd_people *people = gd->people;
    struct gw_list *it;

    for (int n = 0; n < SLICE && (it = gw_list_pop(&people->stale)); n++) {
        struct person *p = GW_CONTAINER(it, struct person, link);

        gw_list_append(&people->looked, &p->link);
        gd_calendar_publish(gd, (struct gw_str){ p->jid, p->jid_len });
    }
    if (!gw_list_is_empty(&people->stale))
        net_timer_set(people->timer, gw_time_after(now.mono, 1));
}

void gd_people_look_again(struct gd *gd)
{
    struct gd_people *people = gd->people;
    struct gw_list *it, *tmp;

    while ((it = gw_list_pop(&people->looked)))
        gw_list_append(&people->stale, it);
    GW_LIST_EACH(&people->stale, it, tmp)
    {
        struct person *p = GW_CONTAINER(it, struct person, link);

        p->glasses = (struct gd_glasses){ 0 };
        p->told = false;
    }
    voices_forget(people);
    net_timer_set(people->timer, net_loop_now(gd->loop).mono);
}

void gd_people_hide_replies(struct gd *gd, bool hide)
{
    if (hide == gd->people->hide_replies)
        return;
    gd->people->hide_replies = hide;
    gd_people_look_again(gd);
}

void gd_people_start(struct gd *gd)
{
    gd->people = gw_new(struct gd_people);
    gd->people->by_jid = gw_map_new();
    gd->people->voices = gw_map_new();
    gd->people->hide_replies = gd->settings.sched.oof_display == SCHED_OOF_HIDE;
    gw_list_init(&gd->people->looked);
    gw_list_init(&gd->people->stale);
    gd->people->timer = net_timer_new(gd->loop, on_timer, gd);
}

void gd_people_done(struct gd *gd)
{
    struct gd_people *people = gd->people;
    struct gw_list *it;

    if (!people)
        return;
    gd->people = NULL;
    while ((it = gw_list_pop(&people->looked)) || (it = gw_list_pop(&people->stale)))
        person_free(people, GW_CONTAINER(it, struct person, link));
    voices_forget(people);
    gw_map_free(&people->by_jid);
    gw_map_free(&people->voices);
    net_timer_free(&people->timer);
    free(people);
}
