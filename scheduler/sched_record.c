/* Records as text: "version 1", then a name and its values on each line. */
#include "sched_record.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"
#include "scheduler.h"

/* Of 64 bits, so that a sum of two cannot overflow. */
#define TIME_LIMIT INT64_C(0x3fffffffffffffff)

static void line_int(struct gw_buf *out, const char *name, int64_t value)
{
    gw_buf_addf(out, "%s %lld\n", name, (long long)value);
}

static void line_text(struct gw_buf *out, const char *name, struct gw_str value)
{
    gw_buf_addf(out, "%s ", name);
    gw_buf_add_str(out, value);
    gw_buf_add_char(out, '\n');
}

void sched_sub_record_write(const struct sched_sub_record *r, struct gw_buf *out)
{
    gw_buf_add_cstr(out, "version 1\n");
    line_text(out, "mode", gw_str_of(sched_mode_name(r->mode)));
    line_text(out, "gateway", r->gateway);
    line_text(out, "id", r->id);
    line_int(out, "since", r->since);
    line_int(out, "heard", r->heard);
    if (r->folders)
        line_int(out, "folders", r->folders);
    if (r->mode == SCHED_MODE_STREAMING) {
        line_text(out, "anchor", r->anchor);
        line_text(out, "affinity", r->affinity);
    }
    if (r->mode != SCHED_MODE_PUSH)
        return;
    line_text(out, "url", r->url);
    gw_buf_add_cstr(out, "token ");
    gw_hex_write((struct gw_str){ (const char *)r->token, sizeof(r->token) }, out);
    gw_buf_add_char(out, '\n');
    line_int(out, "frequency", r->frequency_min);
}

void sched_farewell_record_write(const struct sched_farewell_record *r, struct gw_buf *out)
{
    gw_buf_add_cstr(out, "version 1\n");
    line_text(out, "gateway", r->gateway);
    line_text(out, "mailbox", r->mailbox);
    line_text(out, "id", r->id);
    line_text(out, "anchor", r->anchor);
    line_text(out, "affinity", r->affinity);
    line_int(out, "over", r->over);
}

void sched_back_off_record_write(const struct sched_back_off_record *r, struct gw_buf *out)
{
    gw_buf_add_cstr(out, "version 1\n");
    gw_buf_addf(out, "span %lld %lld\n", (long long)r->told, (long long)r->until);
    if (r->told_mono)
        gw_buf_addf(out, "uptime %lld\n", (long long)r->told_mono);
}

static void turn_write(const struct gw_zone_turn *t, struct gw_buf *out)
{
    gw_buf_addf(out, " %d %d %d %d %d %d", t->bias, t->minute, t->year, t->month, t->order,
                t->weekday);
}

static void hours_write(const struct gw_hours *h, struct gw_buf *out)
{
    gw_buf_addf(out, "zone %d", h->zone.bias);
    turn_write(&h->zone.standard, out);
    turn_write(&h->zone.daylight, out);
    gw_buf_add_char(out, '\n');
    for (size_t i = 0; i < h->count; i++)
        gw_buf_addf(out, "work %d %d %d\n", h->work[i].days, h->work[i].from, h->work[i].to);
}

static void folders_write(const struct sched_cal_record *r, struct gw_buf *out)
{
    line_int(out, "found", r->found_for);
    line_text(out, "own", r->own);
    if (r->left || r->is_cut)
        gw_buf_addf(out, "left %u %d\n", r->left, r->is_cut);
    for (size_t i = 0; i < r->folder_count; i++) {
        gw_buf_add_cstr(out, "folder ");
        gw_buf_add_str(out, r->folder[i].id);
        gw_buf_add_char(out, ' ');
        gw_buf_add_str(out, r->folder[i].name);
        gw_buf_add_char(out, '\n');
    }
}

void sched_cal_record_write(const struct sched_cal_record *r, struct gw_buf *out)
{
    gw_buf_add_cstr(out, "version 1\n");
    gw_buf_addf(out, "window %lld %lld %lld\n", (long long)r->from, (long long)r->to,
                (long long)r->read_at);
    if (r->oof_known)
        gw_buf_addf(out, "oof %d %lld %lld %lld\n", (int)r->oof.state, (long long)r->oof.start,
                    (long long)r->oof.end, (long long)r->oof_read_at);
    if (r->mark)
        line_int(out, "mark", r->mark);
    if (r->hours_known)
        hours_write(&r->hours, out);
    if (r->found_for)
        folders_write(r, out);
    for (size_t i = 0; i < r->count; i++) {
        const struct gw_interval *v = &r->intervals[i];

        gw_buf_addf(out, "item %lld %lld %u %u", (long long)v->start, (long long)v->end, v->busy,
                    v->flags);
        if (v->tag)
            gw_buf_addf(out, " %u", v->tag);
        gw_buf_add_char(out, '\n');
    }
}

/* Exactly 'count' numbers between single spaces; TIME_LIMIT bounds each. */
static bool numbers_parse(struct gw_str s, int64_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_str field = s;

        if (i + 1 < count && !gw_str_cut(s, " ", &field, &s))
            return false;
        if (!gw_str_to_int(field, -TIME_LIMIT, TIME_LIMIT, &out[i]))
            return false;
    }
    return true;
}

static bool mark_parse(struct gw_str value, uint32_t *out)
{
    int64_t n;

    if (!numbers_parse(value, &n, 1) || n < 0 || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool unsigned_parse(struct gw_str s, int64_t max, unsigned *out)
{
    int64_t n;

    if (!gw_str_to_int(s, 0, max, &n))
        return false;
    *out = (unsigned)n;
    return true;
}

static bool token_parse(struct gw_str s, unsigned char out[SCHED_RECORD_TOKEN_LEN])
{
    struct gw_buf bytes;
    bool ok;

    gw_buf_init(&bytes, SCHED_RECORD_TOKEN_LEN);
    ok = gw_hex_parse(s, &bytes) && !bytes.failed && bytes.len == SCHED_RECORD_TOKEN_LEN;
    if (ok)
        memcpy(out, bytes.p, SCHED_RECORD_TOKEN_LEN);
    gw_buf_done(&bytes);
    return ok;
}

/* The next line into name and value. False at the end. A line without a space has no value. */
static bool line_next(struct gw_str *rest, struct gw_str *name, struct gw_str *value)
{
    struct gw_str line = *rest;

    if (!rest->len)
        return false;
    if (!gw_str_cut(*rest, "\n", &line, rest))
        *rest = (struct gw_str){ 0 };
    *name = line;
    *value = (struct gw_str){ 0 };
    (void)gw_str_cut(line, " ", name, value);
    return true;
}

static enum gw_code version_check(struct gw_str *rest, struct gw_err *err)
{
    struct gw_str name, value;
    unsigned version;

    if (rest->len > SCHED_RECORD_MAX)
        return gw_fail(err, GW_LIMIT, "stored record has %zu bytes", rest->len);
    if (!line_next(rest, &name, &value) || !gw_str_is(name, "version") ||
        !unsigned_parse(value, INT32_MAX, &version) || version < 1)
        return gw_fail(err, GW_BADMSG, "stored record does not begin with its version");
    return GW_OK;
}

static bool mode_parse(struct gw_str s, enum sched_mode *out)
{
    for (int mode = 0; mode < SCHED_MODES; mode++) {
        if (!gw_str_is(s, sched_mode_name((enum sched_mode)mode)))
            continue;
        *out = (enum sched_mode)mode;
        return true;
    }
    return false;
}

static bool sub_line(struct sched_sub_record *r, struct gw_str name, struct gw_str value,
                     bool *has_token)
{
    if (gw_str_is(name, "mode"))
        return mode_parse(value, &r->mode);
    if (gw_str_is(name, "anchor"))
        r->anchor = value;
    else if (gw_str_is(name, "affinity"))
        r->affinity = value;
    else if (gw_str_is(name, "gateway"))
        r->gateway = value;
    else if (gw_str_is(name, "id"))
        r->id = value;
    else if (gw_str_is(name, "url"))
        r->url = value;
    else if (gw_str_is(name, "token"))
        return *has_token = token_parse(value, r->token);
    else if (gw_str_is(name, "folders"))
        return mark_parse(value, &r->folders);
    else if (gw_str_is(name, "since"))
        return numbers_parse(value, &r->since, 1);
    else if (gw_str_is(name, "heard"))
        return numbers_parse(value, &r->heard, 1);
    else if (gw_str_is(name, "frequency"))
        return unsigned_parse(value, 1440, &r->frequency_min) && r->frequency_min > 0;
    return true;
}

enum gw_code sched_sub_record_parse(struct gw_str text, struct sched_sub_record *out,
                                    struct gw_err *err)
{
    struct sched_sub_record r = { 0 };
    struct gw_str name, value;
    bool has_token = false;
    enum gw_code rc = version_check(&text, err);

    if (rc)
        return rc;
    while (line_next(&text, &name, &value)) {
        if (!sub_line(&r, name, value, &has_token))
            return gw_fail(err, GW_BADMSG, "stored subscription has a bad '%.*s'",
                           name.len > 40 ? 40 : (int)name.len, name.p);
    }
    if (r.mode == SCHED_MODE_PUSH && (!has_token || !r.frequency_min))
        return gw_fail(err, GW_BADMSG, "stored subscription lacks token or frequency");
    if (r.mode == SCHED_MODE_STREAMING && (!r.id.len || !r.anchor.len))
        return gw_fail(err, GW_BADMSG, "stored subscription lacks id or anchor");
    *out = r;
    return GW_OK;
}

static bool farewell_line(struct sched_farewell_record *r, struct gw_str name, struct gw_str value)
{
    if (gw_str_is(name, "gateway"))
        r->gateway = value;
    else if (gw_str_is(name, "mailbox"))
        r->mailbox = value;
    else if (gw_str_is(name, "id"))
        r->id = value;
    else if (gw_str_is(name, "anchor"))
        r->anchor = value;
    else if (gw_str_is(name, "affinity"))
        r->affinity = value;
    else if (gw_str_is(name, "over"))
        return numbers_parse(value, &r->over, 1);
    return true;
}

enum gw_code sched_farewell_record_parse(struct gw_str text, struct sched_farewell_record *out,
                                         struct gw_err *err)
{
    struct sched_farewell_record r = { 0 };
    struct gw_str name, value;
    enum gw_code rc = version_check(&text, err);

    if (rc)
        return rc;
    while (line_next(&text, &name, &value)) {
        if (!farewell_line(&r, name, value))
            return gw_fail(err, GW_BADMSG, "stored farewell has a bad '%.*s'",
                           name.len > 40 ? 40 : (int)name.len, name.p);
    }
    if (!r.mailbox.len || !r.id.len || !r.anchor.len)
        return gw_fail(err, GW_BADMSG, "stored farewell lacks mailbox, id or anchor");
    *out = r;
    return GW_OK;
}

enum gw_code sched_back_off_record_parse(struct gw_str text, struct sched_back_off_record *out,
                                         struct gw_err *err)
{
    struct gw_str name, value;
    int64_t span[2] = { 0 }, uptime = 0;
    enum gw_code rc = version_check(&text, err);

    if (rc)
        return rc;
    while (line_next(&text, &name, &value)) {
        if (gw_str_is(name, "span") && (!numbers_parse(value, span, 2) || span[0] > span[1]))
            return gw_fail(err, GW_BADMSG, "stored back-off has a bad span");
        if (gw_str_is(name, "uptime") && (!numbers_parse(value, &uptime, 1) || uptime < 0))
            return gw_fail(err, GW_BADMSG, "stored back-off has a bad uptime");
    }
    *out = (struct sched_back_off_record){ .told = span[0], .until = span[1], .told_mono = uptime };
    return GW_OK;
}

static bool item_parse(struct gw_str value, struct gw_interval *out)
{
    int64_t n[5] = { 0 };

    if ((!numbers_parse(value, n, 5) && (n[4] = 0, !numbers_parse(value, n, 4))) || n[2] < 0 ||
        n[2] > GW_BUSY_OOF || n[3] < 0 || n[3] > UINT8_MAX || n[4] < 0 || n[4] > UINT16_MAX)
        return false;
    *out = (struct gw_interval){ .start = n[0],
                                 .end = n[1],
                                 .busy = (unsigned char)n[2],
                                 .flags = (unsigned char)n[3],
                                 .tag = (unsigned short)n[4] };
    return true;
}

static bool oof_parse(struct gw_str value, struct sched_cal_record *r)
{
    int64_t n[4];

    if (!numbers_parse(value, n, 4) || n[0] < 0 || n[0] > GW_OOF_SCHEDULED)
        return false;
    r->oof_known = true;
    r->oof = (struct gw_oof){ .state = (enum gw_oof_state)n[0], .start = n[1], .end = n[2] };
    r->oof_read_at = n[3];
    return true;
}

static bool window_parse(struct gw_str value, struct sched_cal_record *r)
{
    int64_t n[3];

    if (!numbers_parse(value, n, 3) || n[0] > n[1])
        return false;
    r->from = n[0];
    r->to = n[1];
    r->read_at = n[2];
    return true;
}

/* Whether they are what a zone or a week can have is asked at the end. */
static bool shorts_parse(struct gw_str value, int64_t *out, size_t count)
{
    bool ok = numbers_parse(value, out, count);

    for (size_t i = 0; ok && i < count; i++)
        ok = out[i] >= INT16_MIN && out[i] <= INT16_MAX;
    return ok;
}

static bool small_parse(const int64_t *n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (n[i] < 0 || n[i] > UINT8_MAX)
            return false;
    return true;
}

static bool turn_take(const int64_t n[6], struct gw_zone_turn *out)
{
    *out = (struct gw_zone_turn){ .bias = (short)n[0],
                                  .minute = (short)n[1],
                                  .year = (short)n[2],
                                  .month = (unsigned char)n[3],
                                  .order = (unsigned char)n[4],
                                  .weekday = (unsigned char)n[5] };
    return small_parse(n + 3, 3);
}

static bool zone_parse(struct gw_str value, struct sched_cal_record *r)
{
    int64_t n[13];

    if (!shorts_parse(value, n, 13))
        return false;
    r->hours_known = true;
    r->hours.zone.bias = (short)n[0];
    return turn_take(n + 1, &r->hours.zone.standard) && turn_take(n + 7, &r->hours.zone.daylight);
}

static bool work_parse(struct gw_str value, struct gw_hours *h)
{
    int64_t n[3];

    if (h->count == GW_WORK_MAX || !shorts_parse(value, n, 3) || !small_parse(n, 1))
        return false;
    h->work[h->count++] = (struct gw_work){ (unsigned char)n[0], (short)n[1], (short)n[2] };
    return true;
}

static bool folder_parse(struct gw_str value, struct sched_cal_record *r)
{
    struct ews_folder f;

    if (r->folder_count == EWS_FOLDERS_MAX || !gw_str_cut(value, " ", &f.id, &f.name) ||
        !f.id.len || f.id.len > EWS_ID_MAX || !f.name.len)
        return false;
    r->folder[r->folder_count++] = f;
    return true;
}

static bool left_parse(struct gw_str value, struct sched_cal_record *r)
{
    int64_t n[2];

    if (!numbers_parse(value, n, 2) || n[0] < 0 || n[0] > UINT16_MAX || n[1] < 0 || n[1] > 1)
        return false;
    r->left = (unsigned)n[0];
    r->is_cut = n[1];
    return true;
}

static bool cal_line(struct sched_cal_record *r, size_t *cap, struct gw_str name,
                     struct gw_str value)
{
    if (gw_str_is(name, "window"))
        return window_parse(value, r);
    if (gw_str_is(name, "oof"))
        return oof_parse(value, r);
    if (gw_str_is(name, "mark"))
        return mark_parse(value, &r->mark);
    if (gw_str_is(name, "found"))
        return mark_parse(value, &r->found_for);
    if (gw_str_is(name, "folder"))
        return folder_parse(value, r);
    if (gw_str_is(name, "left"))
        return left_parse(value, r);
    if (gw_str_is(name, "own"))
        r->own = value;
    if (gw_str_is(name, "zone"))
        return zone_parse(value, r);
    if (gw_str_is(name, "work"))
        return work_parse(value, &r->hours);
    if (!gw_str_is(name, "item"))
        return true;
    if (r->count == SCHED_INTERVALS_MAX)
        return false;
    if (r->count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        r->intervals = gw_realloc(r->intervals, *cap, sizeof(*r->intervals));
    }
    return item_parse(value, &r->intervals[r->count]) && ++r->count;
}

enum gw_code sched_cal_record_parse(struct gw_str text, struct sched_cal_record *out,
                                    struct gw_err *err)
{
    struct sched_cal_record r = { 0 };
    struct gw_str name, value;
    size_t cap = 0;
    enum gw_code rc = version_check(&text, err);

    if (rc)
        return rc;
    while (line_next(&text, &name, &value)) {
        if (!cal_line(&r, &cap, name, value)) {
            free(r.intervals);
            return gw_fail(err, GW_BADMSG, "stored calendar has a bad '%.*s'",
                           name.len > 40 ? 40 : (int)name.len, name.p);
        }
    }
    if (!gw_hours_are_sound(&r.hours)) {
        free(r.intervals);
        return gw_fail(err, GW_BADMSG, "stored calendar has working hours that cannot be");
    }
    r.count = gw_intervals_normalise(r.intervals, r.count);
    if (!r.found_for)
        r.folder_count = 0;
    *out = r;
    return GW_OK;
}
