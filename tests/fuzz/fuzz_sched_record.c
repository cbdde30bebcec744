/* Stored records: the first byte chooses the kind. What is read is written and read again: the same. */
#include <stdlib.h>
#include <string.h>

#include "sched_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_sub(struct gw_str text)
{
    struct sched_sub_record a, b;
    struct gw_buf out;

    if (sched_sub_record_parse(text, &a, NULL))
        return;
    gw_buf_init(&out, SCHED_RECORD_MAX);
    sched_sub_record_write(&a, &out);
    if (!out.failed) {
        check(sched_sub_record_parse(gw_buf_str(&out), &b, NULL) == GW_OK);
        check(gw_str_eq(a.gateway, b.gateway) && gw_str_eq(a.id, b.id) && gw_str_eq(a.url, b.url));
        check(a.folders == b.folders && a.heard == b.heard && a.since == b.since &&
              a.frequency_min == b.frequency_min);
        check(memcmp(a.token, b.token, sizeof(a.token)) == 0);
    }
    gw_buf_done(&out);
}

static void fuzz_farewell(struct gw_str text)
{
    struct sched_farewell_record a, b;
    struct gw_buf out;

    if (sched_farewell_record_parse(text, &a, NULL))
        return;
    gw_buf_init(&out, SCHED_RECORD_MAX);
    sched_farewell_record_write(&a, &out);
    if (!out.failed) {
        check(sched_farewell_record_parse(gw_buf_str(&out), &b, NULL) == GW_OK);
        check(gw_str_eq(a.gateway, b.gateway) && gw_str_eq(a.mailbox, b.mailbox));
        check(gw_str_eq(a.id, b.id) && gw_str_eq(a.anchor, b.anchor));
        check(gw_str_eq(a.affinity, b.affinity) && a.over == b.over);
    }
    gw_buf_done(&out);
}

static void fuzz_back_off(struct gw_str text)
{
    struct sched_back_off_record a, b;
    struct gw_buf out;

    if (sched_back_off_record_parse(text, &a, NULL))
        return;
    gw_buf_init(&out, SCHED_RECORD_MAX);
    sched_back_off_record_write(&a, &out);
    check(sched_back_off_record_parse(gw_buf_str(&out), &b, NULL) == GW_OK && a.told == b.told &&
          a.until == b.until && a.told_mono == b.told_mono);
    gw_buf_done(&out);
}

static void fuzz_cal(struct gw_str text)
{
    struct sched_cal_record a, b;
    struct gw_buf out;

    if (sched_cal_record_parse(text, &a, NULL))
        return;
    gw_buf_init(&out, SCHED_RECORD_MAX);
    sched_cal_record_write(&a, &out);
    if (!out.failed) {
        check(sched_cal_record_parse(gw_buf_str(&out), &b, NULL) == GW_OK);
        check(a.from == b.from && a.to == b.to && a.oof_known == b.oof_known);
        check(a.found_for == b.found_for && a.folder_count == b.folder_count);
        for (size_t i = 0; i < a.folder_count; i++)
            check(gw_str_eq(a.folder[i].id, b.folder[i].id) &&
                  gw_str_eq(a.folder[i].name, b.folder[i].name));
        check(a.hours_known == b.hours_known && gw_hours_eq(&a.hours, &b.hours));
        check(gw_intervals_eq(a.intervals, a.count, b.intervals, b.count));
        free(b.intervals);
    }
    gw_buf_done(&out);
    free(a.intervals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_str text;

    if (!len)
        return 0;
    text = (struct gw_str){ (const char *)data + 1, len - 1 };
    if (data[0] == 'f')
        fuzz_farewell(text);
    else if (data[0] == 'b')
        fuzz_back_off(text);
    else if (data[0] & 1)
        fuzz_sub(text);
    else
        fuzz_cal(text);
    return 0;
}
