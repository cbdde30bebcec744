/* kalendsctl explain: why presence shows what it shows, as a page to read */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_ctl.h"

struct report {
    const json_t *json;
    gw_utc now;
};

static void line(const char *name, const char *text)
{
    printf("  %-20s%s\n", name, text);
}

static void time_line(const struct report *r, const char *name, gw_utc t, const char *unknown)
{
    char at[CTL_TIME_MAX];

    line(name, ctl_time(t, r->now, unknown, at));
}

static void state_line(const char *name, const char *state, const char *text)
{
    printf("  %-20s%s", name, state);
    if (*text)
        printf(" \"%s\"", text);
    (void)putchar('\n');
}

static void switch_line(const json_t *user, const char *name, const char *key)
{
    if (ctl_true(user, key))
        line(name, "enabled");
    else
        printf("  %-20sDISABLED: kalendsctl user enable %s --%s\n", name, ctl_str(user, "user"),
               key);
}

static void user_part(const struct report *r)
{
    const json_t *u = r->json;

    printf("%s", ctl_str(u, "user"));
    if (*ctl_str(u, "name"))
        printf(" (%s)", ctl_str(u, "name"));
    printf("\n");
    switch_line(u, "IM", "im");
    switch_line(u, "calendar", "calendar");
    if (ctl_true(u, "password"))
        line("password", "set");
    else
        printf("  %-20snot set: kalendsctl password set %s\n", "password", ctl_str(u, "user"));
}

static bool is_now(const struct report *r)
{
    return ctl_utc(r->json, "at") == r->now;
}

static void watcher_lines(const json_t *w)
{
    printf("  %-20s%s: %s\n", "level", ctl_str(w, "level"), ctl_str(w, "level_from"));
    line("domain", ctl_true(w, "own_domain") ? "one of ours" : "another one");
    if (!ctl_true(w, "may_see"))
        line("NOT ALLOWED", "this watcher is not in the user's contact list as one who may see");
}

static void override_part(const struct report *r)
{
    const json_t *o = json_object_get(r->json, "override");
    struct gw_buf text;

    if (!json_is_object(o))
        return;
    gw_buf_init(&text, 4096);
    ctl_override_line(o, r->now, &text);
    printf("\nOverride\n");
    line("state", text.p);
    time_line(r, "set", ctl_utc(o, "set"), "not known");
    gw_buf_done(&text);
}

static void presence_part(const struct report *r)
{
    const json_t *p = json_object_get(r->json, "presence");
    const json_t *w = json_object_get(r->json, "watcher");

    if (*ctl_str(w, "watcher"))
        printf("\nWhat %s %s\n", ctl_str(w, "watcher"),
               ctl_true(w, "may_see") ? "sees" : "would see");
    else
        printf("\nWhat others see\n");
    if (!p) {
        line("state", "nothing: the user has no presence");
        return;
    }
    state_line("state", ctl_str(p, "show"), ctl_str(p, "text"));
    if (is_now(r))
        time_line(r, "since", ctl_utc(p, "since"), "the daemon's start, or longer");
    line("because", ctl_str(p, "why"));
    if (*ctl_str(w, "watcher"))
        watcher_lines(w);
    if (strcmp(ctl_str(p, "show"), "offline") != 0)
        line("state comes from", ctl_str(p, "show_from"));
    if (*ctl_str(p, "text_from"))
        line("text comes from", ctl_str(p, "text_from"));
}

static void clients_part(const struct report *r)
{
    const json_t *list = json_object_get(r->json, "resources");
    struct ctl_table *table;
    char at[CTL_TIME_MAX];
    json_t *c;
    size_t i;

    printf("\nClients\n");
    if (json_array_size(list) == 0) {
        line("none", "nobody is logged in as this user");
        return;
    }
    table = ctl_table_new("  CLIENT|BY|PRIORITY>|SAYS|TEXT|COUNTS AS|SINCE");
    json_array_foreach(list, i, c)
    {
        ctl_table_cellf(table, "  %.150s", ctl_str(c, "resource"));
        ctl_table_cell(table, ctl_str(c, "frontend"));
        ctl_table_cellf(table, "%lld", (long long)ctl_int(c, "priority"));
        ctl_table_cell(table, ctl_true(c, "available") ? ctl_str(c, "says") : "nothing yet");
        ctl_table_cell(table, ctl_str(c, "text"));
        ctl_table_cell(table, ctl_str(c, "shown_as"));
        ctl_table_cell(table, ctl_time(ctl_utc(c, "since"), r->now, "-", at));
    }
    ctl_table_print(&table);
}

static void item_print(const struct report *r, const json_t *item)
{
    char from[CTL_TIME_MAX], to[CTL_TIME_MAX];

    printf(
        "  %-20s%s, %s to %s%s%s%s\n", "because of item", ctl_str(item, "busy"),
        ctl_clock(ctl_utc(item, "start"), r->now, from),
        ctl_clock(ctl_utc(item, "end"), r->now, to), ctl_true(item, "meeting") ? ", a meeting" : "",
        ctl_true(item, "all_day") ? ", all day" : "", ctl_true(item, "private") ? ", private" : "");
}

static void ahead_lines(const struct report *r, const json_t *ahead)
{
    char from[CTL_TIME_MAX], to[CTL_TIME_MAX];
    json_t *span;
    size_t i;

    json_array_foreach(ahead, i, span)
    {
        gw_utc until = ctl_utc(span, "until"); /* 0: what is known does not reach so far */

        printf("  %-20s%s, %s %s%s\n", i ? "" : "then", ctl_str(span, "state"),
               ctl_clock(ctl_utc(span, "since"), r->now, from), until ? "to " : "on",
               until ? ctl_clock(until, r->now, to) : "");
    }
}

/* As Exchange has them, whoever may see them. */
static void auto_reply_print(const struct report *r, const json_t *reply)
{
    gw_utc start = ctl_utc(reply, "start"), end = ctl_utc(reply, "end");
    char from[CTL_TIME_MAX], to[CTL_TIME_MAX];

    if (start && end)
        printf("  %-20s%s, %s to %s\n", "automatic replies", ctl_str(reply, "state"),
               ctl_clock(start, r->now, from), ctl_clock(end, r->now, to));
    else
        line("automatic replies", ctl_str(reply, "state"));
}

/* A calendar is read for those who have IM and calendar enabled, and an address. */
static const char *no_calendar(const json_t *user)
{
    if (!ctl_true(user, "im"))
        return ctl_true(user, "calendar") ? "nothing: IM is not enabled"
                                          : "nothing: neither IM nor calendar is enabled";
    if (!ctl_true(user, "calendar"))
        return "nothing: the calendar is not enabled";
    return *ctl_str(user, "mail") ? "nothing yet" : "nothing: the user has no mail address";
}

static void calendar_part(const struct report *r)
{
    const json_t *c = json_object_get(r->json, "from_calendar");
    const json_t *published = json_object_get(r->json, "published");

    char at[CTL_TIME_MAX];

    if (is_now(r))
        printf("\nWhat the calendar says now\n");
    else
        printf("\nWhat the calendar says at %s\n", ctl_clock(ctl_utc(r->json, "at"), r->now, at));
    if (!c) {
        line("state", no_calendar(r->json));
        return;
    }
    state_line("state", ctl_str(c, "state"), ctl_str(c, "text"));
    line("source", ctl_str(c, "source"));
    if (*ctl_str(c, "rule"))
        line("by rule", ctl_str(c, "rule"));
    if (*ctl_str(c, "row"))
        line("by row", ctl_str(c, "row"));
    if (json_is_object(json_object_get(c, "item")))
        item_print(r, json_object_get(c, "item"));
    time_line(r, "since", ctl_utc(c, "since"), "not known");
    time_line(r, "until", ctl_utc(c, "until"), "nothing in sight ends it");
    ahead_lines(r, json_object_get(c, "ahead"));
    if (published && (strcmp(ctl_str(published, "state"), ctl_str(c, "state")) != 0 ||
                      strcmp(ctl_str(published, "text"), ctl_str(c, "text")) != 0))
        state_line("still published", ctl_str(published, "state"), ctl_str(published, "text"));
}

static void next_change_part(const struct report *r)
{
    if (!json_object_get(r->json, "presence"))
        return;
    printf("\nNext\n");
    time_line(r, "change", ctl_utc(r->json, "next_change"), "none in sight");
}

static void window_print(const struct report *r, const json_t *e)
{
    gw_utc from = ctl_utc(e, "window_from"), to = ctl_utc(e, "window_to");
    char a[CTL_TIME_MAX], b[CTL_TIME_MAX];

    if (!from)
        return;
    printf("  %-20s%lld item%s, %s to %s\n", "known", (long long)ctl_int(e, "items"),
           ctl_int(e, "items") == 1 ? "" : "s", ctl_clock(from, r->now, a),
           ctl_clock(to, r->now, b));
}

/* "Mon Tue 08:00 to 17:00; Wed 08:00 to 12:00 (UTC+09:00)": the clock is Exchange's, not this machine's. */
static void hours_print(const json_t *hours)
{
    int offset = (int)ctl_int(hours, "utc_offset_min");
    const json_t *work, *day;
    struct gw_buf text;
    size_t i, k;

    if (!json_is_object(hours))
        return;
    gw_buf_init(&text, 4096);
    json_array_foreach(json_object_get(hours, "work"), i, work)
    {
        gw_buf_add_cstr(&text, i ? "; " : "");
        json_array_foreach(json_object_get(work, "days"), k, day)
        {
            ctl_text_add(&text, gw_str_utf8_cut(gw_str_of(json_string_value(day)), 3));
            gw_buf_add_char(&text, ' ');
        }
        gw_buf_addf(&text, "%s to %s", ctl_str(work, "from"), ctl_str(work, "to"));
    }
    printf("  %-20s%s (UTC%c%02d:%02d)\n", "working hours", text.p ? text.p : "",
           offset < 0 ? '-' : '+', abs(offset) / 60, abs(offset) % 60);
    gw_buf_done(&text);
}

static void freshness_print(const struct report *r, const json_t *e)
{
    const char *why = ctl_str(e, "not_fresh_because");

    time_line(r, "calendar read", ctl_utc(e, "read"), "not yet");
    window_print(r, e);
    hours_print(json_object_get(e, "working_hours"));
    time_line(r, "replies read", ctl_utc(e, "automatic_reply_read"), "not yet");
    if (json_is_object(json_object_get(e, "automatic_reply")))
        auto_reply_print(r, json_object_get(e, "automatic_reply"));
    if (ctl_true(e, "automatic_replies_hidden"))
        line("", "hidden from everybody: calendar.oof_display is 'hide'");
    if (ctl_true(r->json, "hide_oof"))
        line("", "hidden from everybody: the user has set that");
    if (ctl_true(e, "fresh")) {
        line("freshness", "fresh: Exchange would have told of a change");
        return;
    }
    printf("  %-20sNOT FRESH: %s\n", "freshness",
           *why ? why : "there may be changes that are not known");
    if (ctl_utc(e, "stale_since"))
        time_line(r, "calendar as of", ctl_utc(e, "stale_since"), "");
}

static void subscription_print(const struct report *r, const json_t *s)
{
    if (strcmp(ctl_str(s, "state"), "none") == 0)
        printf("  %-20s%s, none yet\n", "subscription", ctl_str(s, "mode"));
    else
        printf("  %-20s%s, %s, status every %lld min\n", "subscription", ctl_str(s, "mode"),
               ctl_str(s, "state"), (long long)ctl_int(s, "status_frequency_min"));
    time_line(r, "subscribed", ctl_utc(s, "since"), "not yet");
    time_line(r, "last heard", ctl_utc(s, "heard"), "never");
}

static void next_action_print(const struct report *r, const json_t *e)
{
    gw_utc next = ctl_utc(e, "next_action_at");
    char at[CTL_TIME_MAX];

    if (!*ctl_str(e, "next_action"))
        return;
    if (next)
        printf("  %-20s%s, %s\n", "next action", ctl_str(e, "next_action"),
               ctl_time(next, r->now, "", at));
    else
        line("next action", ctl_str(e, "next_action"));
}

static void next_print(const struct report *r, const json_t *e)
{
    char at[CTL_TIME_MAX];

    time_line(r, "next due moment", ctl_utc(e, "next_due"), "none");
    next_action_print(r, e);
    if (*ctl_str(e, "problem"))
        printf("  %-20s%s, %s\n", "PROBLEM", ctl_str(e, "problem"),
               ctl_time(ctl_utc(e, "problem_at"), r->now, "now", at));
}

void ctl_calendars_left(const json_t *of, const char *before)
{
    long long left = ctl_int(of, "left_calendars"), all = ctl_int(of, "further_calendars");

    if (left)
        printf("%s%lld more that rules look at are left out: %lld are read at most\n", before, left,
               all);
    if (ctl_true(of, "calendars_cut"))
        printf("%sthe mailbox has more calendars than are looked at: some may be missing\n",
               before);
}

/* Where rules look at calendars besides the user's own one. */
static void calendars_print(const json_t *e)
{
    int64_t all = ctl_int(e, "further_calendars"), unread = ctl_int(e, "unread_calendars");

    if (unread)
        printf("  %-20s%lld, of which %lld cannot be read\n", "further calendars", (long long)all,
               (long long)unread);
    else if (all || ctl_true(e, "calendars_cut"))
        printf("  %-20s%lld\n", "further calendars", (long long)all);
    ctl_calendars_left(e, "                      ");
}

static void exchange_part(const struct report *r)
{
    const json_t *e = json_object_get(r->json, "exchange");

    if (!e)
        return;
    printf("\nExchange\n");
    line("mailbox", ctl_str(e, "mailbox"));
    line("gateway", *ctl_str(e, "gateway") ? ctl_str(e, "gateway") : "none assigned");
    freshness_print(r, e);
    calendars_print(e);
    subscription_print(r, json_object_get(e, "subscription"));
    next_print(r, e);
}

enum ctl_exit ctl_explain(struct ctl *ctl)
{
    const char *watcher = ctl_opt(ctl, "watcher"), *at = ctl_opt(ctl, "at");
    char when[GW_UTC_TEXT_MAX] = "";
    struct report r;
    json_t *answer;
    enum ctl_exit rc;

    if (at && !ctl_time_read(ctl, at, when))
        return CTL_USAGE;
    rc = ctl_call(ctl, "GET",
                  ctl_path("/v1/users/%s/explain?at=%s&watcher=%s", ctl_arg(ctl, 0), when,
                           watcher ? watcher : ""),
                  NULL, &answer);
    if (rc)
        return rc;
    r = (struct report){ answer, ctl_utc(answer, "now") };
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        user_part(&r);
        presence_part(&r);
        override_part(&r);
        clients_part(&r);
        calendar_part(&r);
        next_change_part(&r);
        exchange_part(&r);
    }
    json_decref(answer);
    return CTL_OK;
}
