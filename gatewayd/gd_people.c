#include "gd_people.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "bridge_plain.h"
#include "gw_log.h"
#include "gw_map.h"
#include "gw_mem.h"

#define KIND_REPLY "reply" /* key and owner: the user; own and federated as JSON */

enum {
    SLICE = 256, /* users looked at before others have their turn */
    ZONES_MAX = 64
};

struct person {
    struct gw_list link;       /* people.looked, or people.stale */
    struct gd_glasses glasses; /* policy NULL: to be found */
    uint64_t mark;             /* of what was told; told false: nothing */
    uint32_t jid_len;
    bool told;
    char jid[];
};

/* A voice of a language and zone. */
struct voice {
    struct bridge_voice *voice;
    size_t key_len;
    char key[];
};

/* The zone of a rule, as it was found. */
struct zone {
    struct gw_zone rule;
    char *name; /* empty: there is none */
};

/* What an automatic reply says, of those who have one. */
struct reply {
    char *own, *federated;
    size_t jid_len;
    char jid[];
};

struct gd_people {
    struct gw_map *by_jid, *voices, *replies;
    struct gw_list looked, stale; /* the latter are to be looked at again */
    bool hide_replies;
    struct net_timer *timer;
    struct zone zones[ZONES_MAX]; /* most people of an organisation are in few */
    size_t zone_count;
    char *machine; /* the zone of the machine, once somebody needed it; kept with the voices */
    struct gw_interval outside[GW_OUTSIDE_MAX]; /* of whom is looked at */
};

/* ---- voices ---- */

static void voices_forget(struct gd_people *people)
{
    struct voice *v;
    size_t pos = 0;

    while (people->zone_count)
        free(people->zones[--people->zone_count].name);
    free(people->machine);
    people->machine = NULL;
    while ((v = gw_map_next(people->voices, &pos))) {
        (void)gw_map_remove(people->voices, (struct gw_str){ v->key, v->key_len });
        bridge_voice_free(&v->voice);
        free(v);
    }
}

static struct gw_str zone_of_rule(struct gd *gd, const struct gw_zone *rule)
{
    struct gd_people *people = gd->people;
    struct zone *z = people->zones;
    struct gw_buf name;

    while (z < people->zones + people->zone_count && !gw_zone_eq(&z->rule, rule))
        z++;
    if (z < people->zones + people->zone_count)
        return gw_str_of(z->name);
    if (people->zone_count == ZONES_MAX) { /* one makes room */
        z = &people->zones[--people->zone_count];
        free(z->name);
    }
    gw_buf_init(&name, BRIDGE_ZONE_MAX * 2);
    (void)bridge_zone_of_rule(rule, gw_str_of(gd->settings.bridge.zone), net_loop_now(gd->loop).utc,
                              &name);
    z = &people->zones[people->zone_count++];
    *z = (struct zone){ *rule, gw_str_dup(gw_buf_str(&name)) };
    gw_buf_done(&name);
    return gw_str_of(z->name);
}

static struct gw_str zone_of_machine(struct gd_people *people)
{
    struct gw_buf name;

    if (!people->machine) {
        gw_buf_init(&name, BRIDGE_ZONE_MAX * 2);
        bridge_zone_of_machine(&name);
        people->machine = gw_str_dup(gw_buf_str(&name));
        gw_buf_done(&name);
    }
    return gw_str_of(people->machine);
}

/* The user's, else that of the working hours in Exchange, else the organisation's, else the machine's. */
static struct gw_str zone_of(struct gd *gd, const struct dir_user *user)
{
    struct gw_str zone = user->zone;
    struct sched_calendar known;

    if (!zone.len && sched_user_calendar(gd->sched, user->jid, &known) && known.hours)
        zone = zone_of_rule(gd, &known.hours->zone);
    if (!zone.len)
        zone = gw_str_of(gd->settings.bridge.zone);
    return zone.len ? zone : zone_of_machine(gd->people);
}

static struct gw_str language_of(const struct gd *gd, struct gw_str language)
{
    return language.len ? language : gw_str_of(gd->settings.bridge.language);
}

struct bridge_voice *gd_voice_new(struct gd *gd, const struct dir_user *user)
{
    return bridge_voice_new(gd->texts, language_of(gd, user->language), zone_of(gd, user));
}

static const struct bridge_voice *voice_of(struct gd *gd, const struct dir_user *user)
{
    struct gd_people *people = gd->people;
    struct gw_buf key;
    struct voice *v;

    gw_buf_init(&key, DIR_LANGUAGE_MAX + DIR_ZONE_MAX + BRIDGE_ZONE_MAX * 2);
    gw_buf_addf(&key, "%.*s %.*s", GW_STR_ARG(language_of(gd, user->language)),
                GW_STR_ARG(zone_of(gd, user)));
    v = gw_map_get(people->voices, gw_buf_str(&key));
    if (!v) {
        v = gw_alloc(sizeof(*v) + key.len);
        v->voice = gd_voice_new(gd, user);
        v->key_len = key.len;
        memcpy(v->key, key.p, key.len);
        (void)gw_map_set(people->voices, (struct gw_str){ v->key, v->key_len }, v);
    }
    gw_buf_done(&key);
    return v->voice;
}

/* ---- people ---- */

static struct person *person_get(struct gd *gd, struct gw_str jid)
{
    struct person *p = gw_map_get(gd->people->by_jid, jid);

    if (p)
        return p;
    p = gw_alloc(sizeof(*p) + jid.len);
    p->jid_len = (uint32_t)jid.len;
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
    out->voice = voice_of(gd, &user);
    out->hours = bridge_policy_has_hours(out->policy) ? SCHED_HOURS_DUE
                 : user.zone.len                      ? SCHED_HOURS_NOT
                                                      : SCHED_HOURS_KNOWN;
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
    sched_user_want_hours(gd->sched, jid, p->glasses.hours, net_loop_now(gd->loop));
    return true;
}

unsigned short gd_person_classify(struct gd *gd, struct gw_str user, const struct gw_item *item)
{
    struct gd_glasses glasses;

    return gd_person_glasses(gd, user, &glasses) ? bridge_policy_tag(glasses.policy, item) : 0;
}

bool gd_person_looks_at(struct gd *gd, struct gw_str user, struct gw_str calendar)
{
    struct gd_glasses glasses;

    return gd_person_glasses(gd, user, &glasses) &&
           bridge_policy_looks_at(glasses.policy, calendar);
}

struct gw_str gd_person_words(struct gd *gd, struct gw_str user, enum pres_calendar_kind kind)
{
    struct gd_glasses glasses;

    if (!gd_person_glasses(gd, user, &glasses))
        return (struct gw_str){ "", 0 };
    return bridge_voice_text(glasses.voice, bridge_text_of(kind));
}

struct gw_str gd_person_phrase(struct gd *gd, struct gw_str user, enum pres_phrase phrase)
{
    enum bridge_text text = bridge_text_phrase(phrase);
    struct gd_glasses glasses;

    if (gd_person_glasses(gd, user, &glasses))
        return bridge_voice_text(glasses.voice, text);
    return gw_str_of(bridge_texts_get(gd->texts, language_of(gd, GW_STR("")), text));
}

/* ---- what automatic replies say ---- */

/* In a callback's own time: nothing is told from inside the scheduler's call. */
static void look_soon(struct gd *gd, struct gw_str jid)
{
    struct gd_people *people = gd->people;
    struct person *p = gw_map_get(people->by_jid, jid);

    if (!p)
        return;
    gw_list_remove(&p->link);
    gw_list_append(&people->stale, &p->link);
    net_timer_set(people->timer, net_loop_now(gd->loop).mono);
}

void gd_person_hours(struct gd *gd, struct gw_str user)
{
    struct person *p = gw_map_get(gd->people->by_jid, user);

    if (!p)
        return;
    p->glasses = (struct gd_glasses){ 0 };
    p->told = false;
}

static void reply_free(struct reply *r)
{
    free(r->own);
    free(r->federated);
    free(r);
}

static void reply_remove(struct gd *gd, struct gw_str jid)
{
    struct reply *r = gw_map_remove(gd->people->replies, jid);

    if (r)
        reply_free(r);
}

static void reply_put(struct gd *gd, struct gw_str jid, struct gw_str own, struct gw_str federated)
{
    struct reply *r;

    reply_remove(gd, jid);
    r = gw_alloc(sizeof(*r) + jid.len);
    r->own = gw_str_dup(own);
    r->federated = gw_str_dup(federated);
    r->jid_len = jid.len;
    memcpy(r->jid, jid.p, jid.len);
    (void)gw_map_set(gd->people->replies, (struct gw_str){ r->jid, r->jid_len }, r);
}

static bool reply_is(const struct reply *r, struct gw_str own, struct gw_str federated)
{
    return gw_str_is(own, r ? r->own : "") && gw_str_is(federated, r ? r->federated : "");
}

static void reply_store(struct gd *gd, struct gw_str jid, struct gw_str own,
                        struct gw_str federated)
{
    struct store_batch *b = store_batch_new();
    json_t *json;
    char *text;

    if (!own.len && !federated.len) {
        store_del(b, KIND_REPLY, jid);
    } else {
        json = json_pack("{s:s%, s:s%}", "own", own.len ? own.p : "", own.len, "federated",
                         federated.len ? federated.p : "", federated.len);
        text = json_dumps(json, JSON_COMPACT);
        store_put(b, KIND_REPLY, jid, jid, gw_str_of(text));
        free(text);
        json_decref(json);
    }
    store_commit(gd->store, &b, NULL, NULL);
}

void gd_person_replies(struct gd *gd, struct gw_str user, struct gw_str internal,
                       struct gw_str external)
{
    struct gw_buf own, federated;

    gw_buf_init(&own, BRIDGE_REPLY_MAX * 2);
    gw_buf_init(&federated, BRIDGE_REPLY_MAX * 2);
    bridge_plain_write(internal, &own);
    bridge_plain_write(external, &federated);
    if (!reply_is(gw_map_get(gd->people->replies, user), gw_buf_str(&own),
                  gw_buf_str(&federated))) {
        if (own.len || federated.len)
            reply_put(gd, user, gw_buf_str(&own), gw_buf_str(&federated));
        else
            reply_remove(gd, user);
        reply_store(gd, user, gw_buf_str(&own), gw_buf_str(&federated));
        look_soon(gd, user);
    }
    gw_buf_done(&own);
    gw_buf_done(&federated);
}

static void load_reply(const struct store_record *r, void *ctx)
{
    json_t *json = json_loadb(r->value.p, r->value.len, JSON_REJECT_DUPLICATES, NULL);
    const char *own = json_string_value(json_object_get(json, "own"));
    const char *federated = json_string_value(json_object_get(json, "federated"));
    char quoted[GW_QUOTE_MAX];
    struct dir_user user;
    struct gd *gd = ctx;

    if (!own || !federated)
        gw_warn("gatewayd", "record left out kind=" KIND_REPLY " key=%s error='it makes no sense'",
                gw_quote(r->key, quoted));
    else if (dir_user_get(gd->dir, r->key, &user) && gd_user_has_calendar(&user))
        reply_put(gd, r->key, gw_str_of(own), gw_str_of(federated));
    else /* its user was removed and the process killed in between */
        reply_store(gd, r->key, (struct gw_str){ "", 0 }, (struct gw_str){ "", 0 });
    json_decref(json);
}

enum gw_code gd_replies_load(struct gd *gd, struct gw_err *err)
{
    return gd_load(gd, KIND_REPLY, load_reply, gd, err);
}

void gd_person_remove(struct gd *gd, struct gw_str user)
{
    if (gw_map_get(gd->people->replies, user)) {
        reply_remove(gd, user);
        reply_store(gd, user, (struct gw_str){ "", 0 }, (struct gw_str){ "", 0 });
    }
    gd_person_forget(gd, user);
}

/* ---- what is said ---- */

static bool calendar_get(struct gd *gd, struct gw_str user, const struct gd_glasses *glasses,
                         struct sched_calendar *known, struct bridge_calendar *out)
{
    const struct reply *reply;

    if (!sched_user_calendar(gd->sched, user, known))
        return false;
    *out = (struct bridge_calendar){
        .intervals = known->intervals, .count = known->count, .from = known->from, .to = known->to
    };
    if (glasses->hours == SCHED_HOURS_DUE && known->hours) {
        out->outside = gd->people->outside;
        out->outside_count =
            gw_hours_outside(known->hours, known->from, known->to, gd->people->outside);
    }
    if (!known->oof_known || glasses->hides_replies)
        return true;
    out->oof = &known->oof;
    reply = gw_map_get(gd->people->replies, user);
    if (reply) {
        out->reply_own = gw_str_of(reply->own);
        out->reply_federated = gw_str_of(reply->federated);
    }
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
    pres_override_reworded(gd->core, user);
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
    if (!p->told)
        pres_override_reworded(gd->core, user);
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

/* An override speaks in the user's words with no calendar, too. */
static void overriders_add(struct gd *gd)
{
    struct pres_override override;
    struct gw_str user;
    size_t pos = 0;

    while (pres_override_next(gd->core, &pos, &user, &override))
        (void)person_get(gd, user);
}

void gd_people_look_again(struct gd *gd)
{
    struct gd_people *people = gd->people;
    struct gw_list *it, *tmp;

    overriders_add(gd);
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
    gd->people->replies = gw_map_new();
    gd->people->hide_replies = gd->settings.sched.oof_display == SCHED_OOF_HIDE;
    gw_list_init(&gd->people->looked);
    gw_list_init(&gd->people->stale);
    gd->people->timer = net_timer_new(gd->loop, on_timer, gd);
}

void gd_people_done(struct gd *gd)
{
    struct gd_people *people = gd->people;
    struct gw_list *it;
    struct reply *r;
    size_t pos = 0;

    if (!people)
        return;
    gd->people = NULL;
    while ((it = gw_list_pop(&people->looked)) || (it = gw_list_pop(&people->stale)))
        person_free(people, GW_CONTAINER(it, struct person, link));
    while ((r = gw_map_next(people->replies, &pos))) {
        (void)gw_map_remove(people->replies, (struct gw_str){ r->jid, r->jid_len });
        reply_free(r);
    }
    gw_map_free(&people->replies);
    voices_forget(people);
    gw_map_free(&people->by_jid);
    gw_map_free(&people->voices);
    net_timer_free(&people->timer);
    free(people);
}
