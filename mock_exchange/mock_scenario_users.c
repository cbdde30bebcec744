/* Users, groups of them, their meetings and out-of-office settings, as a scenario has them. */
#include <stdio.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "mock_random.h"
#include "mock_repeat.h"
#include "mock_scenario.h"

enum { GROUP_MAX = 1000000, RANDOM_MAX = 1000 };

static const char meeting_members[] =
    "user start end for busy all_day sensitivity subject location meeting cancelled response "
    "repeat step calendar";

/* --- meetings --- */

static enum gw_code meeting_words(const json_t *meeting, struct mock_item_data *data,
                                  struct gw_err *err)
{
    static const char *const busy[] = { "NoData", "Free", "Tentative", "WorkingElsewhere",
                                        "Busy",   "OOF",  NULL };
    static const char *const sensitivity[] = { "Normal", "Personal", "Private", "Confidential",
                                               NULL };
    static const char *const response[] = { "Unknown", "Organizer",          "Tentative", "Accept",
                                            "Decline", "NoResponseReceived", NULL };
    int word[3] = { (int)data->busy, (int)data->sensitivity, (int)data->response };
    enum gw_code rc = mock_json_word(meeting, "busy", busy, &word[0], err);

    if (!rc)
        rc = mock_json_word(meeting, "sensitivity", sensitivity, &word[1], err);
    if (!rc)
        rc = mock_json_word(meeting, "response", response, &word[2], err);
    data->busy = (enum gw_busy)word[0];
    data->sensitivity = (enum mock_sensitivity)word[1];
    data->response = (enum mock_response)word[2];
    return rc;
}

/* A new start alone moves the meeting: its length stays. */
static enum gw_code meeting_times(const json_t *meeting, int64_t shift_ms, gw_utc now,
                                  struct mock_item_data *data, struct gw_err *err)
{
    int64_t length = data->end - data->start;
    gw_utc start = data->start, end;
    enum gw_code rc = mock_json_moment(meeting, "start", now, &start, err);

    if (!rc)
        rc = mock_json_span(meeting, "for", &length, err);
    end = start + length;
    if (!rc)
        rc = mock_json_moment(meeting, "end", now, &end, err);
    if (!rc && json_object_get(meeting, "end") && json_object_get(meeting, "for"))
        rc = gw_fail(err, GW_INVALID, "meeting has both 'end' and 'for'");
    data->start = start + shift_ms;
    data->end = end + shift_ms;
    return rc;
}

enum gw_code mock_meeting_read(const json_t *meeting, int64_t shift_ms, gw_utc now,
                               struct mock_item_data *data, struct gw_err *err)
{
    struct gw_str subject = gw_str_of(data->subject), location = gw_str_of(data->location);
    enum gw_code rc = mock_json_only(meeting, "meeting", meeting_members, err);

    if (!rc)
        rc = meeting_times(meeting, shift_ms, now, data, err);
    if (!rc)
        rc = meeting_words(meeting, data, err);
    if (!rc)
        rc = mock_json_bool(meeting, "all_day", &data->all_day, err);
    if (!rc)
        rc = mock_json_bool(meeting, "meeting", &data->meeting, err);
    if (!rc)
        rc = mock_json_bool(meeting, "cancelled", &data->cancelled, err);
    if (!rc)
        rc = mock_json_text(meeting, "subject", &subject, err);
    if (!rc)
        rc = mock_json_text(meeting, "location", &location, err);
    /* The item copies them, so that borrowing is enough. */
    data->subject = subject.len ? (char *)subject.p : NULL;
    data->location = location.len ? (char *)location.p : NULL;
    return rc;
}

/* Days on which it would not take place anyway say nothing. */
static void days_leave_out(struct mock_org *org, const struct mock_item *master,
                           const struct mock_repeat *repeat, struct gw_now now)
{
    struct mock_item item;

    for (size_t i = 0; i < repeat->except_count; i++)
        if (mock_item_occurrence(master, repeat->except[i], &item))
            mock_item_delete(org, &item, false, now);
}

/* By name; nothing said: the mailbox's own. */
static enum gw_code meeting_calendar(const struct mock_mailbox *mailbox, const json_t *meeting,
                                     struct mock_item_data *data, struct gw_err *err)
{
    struct gw_str name = { NULL, 0 };
    enum gw_code rc = mock_json_text(meeting, "calendar", &name, err);
    const struct mock_calendar *calendar = mock_calendar_named(mailbox, name);
    char quoted[GW_QUOTE_MAX];

    if (rc || !name.p)
        return rc;
    if (!calendar)
        return gw_fail(err, GW_NOTFOUND, "'%s' has no further calendar %s", mailbox->address,
                       gw_quote(name, quoted));
    data->calendar = calendar->number;
    return GW_OK;
}

enum gw_code mock_scenario_meeting(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                                   const json_t *meeting, int64_t shift_ms, struct gw_now now,
                                   struct mock_item *out, struct gw_err *err)
{
    const json_t *repeat = json_object_get(meeting, "repeat");
    struct mock_item_data data = {
        .busy = GW_BUSY_BUSY,
        .response = MOCK_RESPONSE_ORGANIZER,
        .end = 30 * GW_MINUTE_MS, /* the length, when none is said */
    };
    const struct mock_item *item;
    struct mock_repeat series;
    enum gw_code rc;

    if (json_is_object(meeting) && !json_object_get(meeting, "start"))
        return gw_fail(err, GW_INVALID, "meeting has no 'start'");
    rc = mock_meeting_read(meeting, shift_ms, now.utc, &data, err);
    if (!rc)
        rc = meeting_calendar(mailbox, meeting, &data, err);
    if (!rc && repeat)
        rc = mock_repeat_read(repeat, data.start, &series, err);
    if (!rc)
        rc = mock_item_add(mx->org, mailbox, &data, repeat ? &series.recurrence : NULL, now, &item,
                           err);
    if (!rc && repeat)
        days_leave_out(mx->org, item, &series, now);
    if (!rc && out)
        *out = *item;
    return rc;
}

/* --- out of office --- */

enum gw_code mock_scenario_oof(struct mock_mailbox *mailbox, const json_t *json, gw_utc now,
                               struct gw_err *err)
{
    static const char *const state[] = { "Disabled", "Enabled", "Scheduled", NULL };
    static const char *const audience[] = { "None", "Known", "All", NULL };
    struct mock_oof oof = mailbox->oof;
    int state_word = (int)oof.setting.state, audience_word = (int)oof.audience;
    struct gw_str internal = gw_str_of(oof.internal_reply),
                  external = gw_str_of(oof.external_reply);
    int64_t length = -1;
    enum gw_code rc =
        mock_json_only(json, "oof", "state start end for internal external audience", err);

    if (!rc)
        rc = mock_json_word(json, "state", state, &state_word, err);
    if (!rc)
        rc = mock_json_word(json, "audience", audience, &audience_word, err);
    if (!rc)
        rc = mock_json_moment(json, "start", now, &oof.setting.start, err);
    if (!rc)
        rc = mock_json_moment(json, "end", now, &oof.setting.end, err);
    if (!rc)
        rc = mock_json_span(json, "for", &length, err);
    if (!rc)
        rc = mock_json_text(json, "internal", &internal, err);
    if (!rc)
        rc = mock_json_text(json, "external", &external, err);
    if (rc)
        return rc;
    if (length >= 0)
        oof.setting.end = oof.setting.start + length;
    oof.setting.state = (enum gw_oof_state)state_word;
    oof.audience = (enum mock_audience)audience_word;
    if (oof.setting.state == GW_OOF_SCHEDULED && oof.setting.end <= oof.setting.start)
        return gw_fail(err, GW_INVALID, "oof: scheduled needs 'start' and a later 'end', or 'for'");
    if (internal.len > MOCK_TEXT_MAX || external.len > MOCK_TEXT_MAX)
        return gw_fail(err, GW_INVALID, "oof: a reply is longer than %d bytes", MOCK_TEXT_MAX);
    oof.internal_reply = internal.len ? (char *)internal.p : NULL;
    oof.external_reply = external.len ? (char *)external.p : NULL;
    mock_oof_set(mailbox, &oof);
    return GW_OK;
}

/* --- users --- */

struct random_args {
    int64_t per_user, within_ms, length_ms, seed;
};

static enum gw_code random_read(const json_t *json, struct random_args *args, struct gw_err *err)
{
    enum gw_code rc = mock_json_only(json, "random", "per_user within length seed", err);

    *args = (struct random_args){
        .per_user = 10, .within_ms = 8 * GW_HOUR_MS, .length_ms = 30 * GW_MINUTE_MS, .seed = 1
    };
    if (!rc)
        rc = mock_json_int(json, "per_user", 0, RANDOM_MAX, &args->per_user, err);
    if (!rc)
        rc = mock_json_span(json, "within", &args->within_ms, err);
    if (!rc)
        rc = mock_json_span(json, "length", &args->length_ms, err);
    if (!rc)
        rc = mock_json_int(json, "seed", 0, INT32_MAX, &args->seed, err);
    return rc;
}

static enum gw_code random_meetings(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                                    const struct random_args *args, struct gw_now now,
                                    struct gw_err *err)
{
    static const enum gw_busy busy[] = { GW_BUSY_BUSY, GW_BUSY_BUSY, GW_BUSY_TENTATIVE,
                                         GW_BUSY_OOF };
    uint64_t state = (uint64_t)args->seed << 32 | mailbox->number;
    gw_utc base = now.utc - now.utc % GW_SECOND_MS;
    enum gw_code rc = GW_OK;

    for (int64_t i = 0; !rc && i < args->per_user; i++) {
        uint64_t start = mock_random_next(&state) % (uint64_t)(args->within_ms / GW_SECOND_MS + 1);
        uint64_t length = mock_random_next(&state) % (uint64_t)(args->length_ms / GW_SECOND_MS + 1);
        struct mock_item_data data = {
            .start = base + (int64_t)start * GW_SECOND_MS,
            .busy = busy[mock_random_next(&state) % 4],
            .response = MOCK_RESPONSE_ACCEPT,
            .meeting = true,
        };

        data.end = data.start + ((int64_t)length + 1) * GW_SECOND_MS;
        rc = mock_item_add(mx->org, mailbox, &data, NULL, now, NULL, err);
    }
    return rc;
}

static enum gw_code user_calendars(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                                   const json_t *user, struct gw_now now, struct gw_err *err)
{
    struct gw_str names[MOCK_TEXTS_MAX];
    size_t count = 0;
    enum gw_code rc = mock_scenario_texts(user, "calendars", names, &count, err);

    for (size_t i = 0; !rc && i < count; i++)
        rc = mock_calendar_add(mx->org, mailbox, names[i], now, NULL, err);
    return rc;
}

/* What users and groups have in common; index is the user's place in its group. */
static enum gw_code user_fill(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                              const json_t *user, int64_t index, struct gw_now now,
                              struct gw_err *err)
{
    const json_t *meetings = json_object_get(user, "meetings");
    const json_t *oof = json_object_get(user, "oof"), *rand = json_object_get(user, "random");
    const json_t *traits = json_object_get(user, "traits");
    struct random_args args;
    enum gw_code rc;

    if (meetings && !json_is_array(meetings))
        return gw_fail(err, GW_INVALID, "'meetings' is not an array");
    rc = user_calendars(mx, mailbox, user, now, err);
    for (size_t i = 0; !rc && i < json_array_size(meetings); i++) {
        const json_t *meeting = json_array_get(meetings, i);
        int64_t step = 0;

        rc = mock_json_span(meeting, "step", &step, err);
        if (!rc)
            rc = mock_scenario_meeting(mx, mailbox, meeting, step * index, now, NULL, err);
    }
    if (!rc && rand)
        rc = random_read(rand, &args, err);
    if (!rc && rand)
        rc = random_meetings(mx, mailbox, &args, now, err);
    if (!rc && oof)
        rc = mock_scenario_oof(mailbox, oof, now.utc, err);
    if (!rc && traits)
        rc = mock_scenario_traits(mailbox, traits, now.utc, err);
    return rc;
}

/* Where the mailbox is: "database", or of "databases" one after the other. */
static enum gw_code user_place(struct mock_exchange *mx, struct mock_mailbox *mailbox,
                               const json_t *user, int64_t index, struct gw_now now,
                               struct gw_err *err)
{
    const json_t *list = json_object_get(user, "databases");
    struct gw_str name = { NULL, 0 };
    enum gw_code rc = mock_json_text(user, "database", &name, err);

    if (rc)
        return rc;
    if (list && !json_array_size(list))
        return gw_fail(err, GW_INVALID, "'databases' is not an array of names");
    if (list)
        name = gw_str_of(
            json_string_value(json_array_get(list, (size_t)index % json_array_size(list))));
    return name.len ? mock_mailbox_move(mx->service.places, mailbox, name, 0, now.mono, err)
                    : GW_OK;
}

static enum gw_code user_group(struct mock_exchange *mx, const json_t *user, struct gw_now now,
                               int64_t *count, struct gw_err *err)
{
    struct gw_str domain = GW_STR("example"), prefix = GW_STR("user");
    int64_t users = 0, first = 1;
    char address[400];
    enum gw_code rc = mock_json_only(
        user, "group of users",
        "count first domain prefix calendars meetings oof random traits database databases", err);

    if (!rc)
        rc = mock_json_int(user, "count", 0, GROUP_MAX, &users, err);
    if (!rc)
        rc = mock_json_int(user, "first", 0, GROUP_MAX, &first, err);
    if (!rc)
        rc = mock_json_text(user, "domain", &domain, err);
    if (!rc)
        rc = mock_json_text(user, "prefix", &prefix, err);
    for (int64_t i = 0; !rc && i < users; i++) {
        struct mock_mailbox *mailbox;
        struct mock_mailbox_args args = { .address = { address, 0 } };

        args.address.len = (size_t)snprintf(
            address, sizeof(address), "%.*s%04lld@%.*s", (int)(prefix.len < 64 ? prefix.len : 64),
            prefix.p, (long long)first + i, (int)(domain.len < 256 ? domain.len : 256), domain.p);
        rc = mock_mailbox_add(mx->org, &args, &mailbox, err);
        if (!rc)
            rc = user_place(mx, mailbox, user, i, now, err);
        if (!rc)
            rc = user_fill(mx, mailbox, user, i, now, err);
        if (!rc)
            ++*count;
    }
    return rc;
}

enum gw_code mock_scenario_user(struct mock_exchange *mx, const json_t *user, struct gw_now now,
                                int64_t *count, struct gw_err *err)
{
    struct gw_str aliases[MOCK_TEXTS_MAX];
    struct mock_mailbox_args args = { .aliases = aliases };
    struct mock_mailbox *mailbox;
    enum gw_code rc;

    if (json_object_get(user, "count"))
        return user_group(mx, user, now, count, err);
    rc = mock_json_only(user, "user",
                        "address upn name aliases calendars meetings oof random traits database",
                        err);
    if (!rc)
        rc = mock_json_text(user, "address", &args.address, err);
    if (!rc)
        rc = mock_json_text(user, "upn", &args.upn, err);
    if (!rc)
        rc = mock_json_text(user, "name", &args.display, err);
    if (!rc)
        rc = mock_scenario_texts(user, "aliases", aliases, &args.alias_count, err);
    if (!rc)
        rc = mock_mailbox_add(mx->org, &args, &mailbox, err);
    if (!rc)
        rc = user_place(mx, mailbox, user, 0, now, err);
    if (rc)
        return rc;
    ++*count;
    return user_fill(mx, mailbox, user, 0, now, err);
}
