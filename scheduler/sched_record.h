/* What survives a restart, as text: lines of a name and values. Unknown names are skipped, so that
 * an older version reads what a newer one wrote. Pure. */
#ifndef SCHED_RECORD_H
#define SCHED_RECORD_H

#include "ews_ops.h"
#include "gw_buf.h"
#include "gw_hours.h"
#include "sched_settings.h"

enum {
    SCHED_RECORD_TOKEN_LEN = 16,
    SCHED_INTERVALS_MAX = 1000, /* of one user: EWSFindCountLimit of an untuned Exchange */
    SCHED_RECORD_MAX = 128 * 1024
};

struct sched_sub_record {
    enum sched_mode mode;
    struct gw_str gateway, id, url;              /* borrowed from the text */
    struct gw_str anchor, affinity;              /* streaming */
    unsigned char token[SCHED_RECORD_TOKEN_LEN]; /* push */
    gw_utc since, heard;
    uint32_t folders; /* a mark of the further calendars that it is of; 0: there are none */
    unsigned frequency_min;
};

struct sched_farewell_record {
    struct gw_str gateway, mailbox, id, anchor, affinity; /* borrowed from the text */
    gw_utc over;
};

/* A gateway wants to be left alone. */
struct sched_back_off_record {
    gw_utc told, until; /* told <= until */
    gw_time told_mono;  /* the same moment as told; 0: not known */
};

struct sched_cal_record {
    gw_utc from, to, read_at;
    bool oof_known;
    struct gw_oof oof;
    gw_utc oof_read_at;
    uint32_t mark;                 /* of what items were wanted for; 0: nothing */
    struct gw_interval *intervals; /* owned: free(); normalised */
    size_t count;
    bool hours_known;
    struct gw_hours hours; /* sound */
    uint32_t found_for;    /* of what the further calendars were wanted for; 0: for nothing */
    struct gw_str own;     /* borrowed from the text, as these: the name of the own calendar */
    struct ews_folder folder[EWS_FOLDERS_MAX];
    size_t folder_count;
    unsigned left; /* beyond these */
    bool is_cut;   /* there are more than were found */
};

void sched_sub_record_write(const struct sched_sub_record *r, struct gw_buf *out);
void sched_farewell_record_write(const struct sched_farewell_record *r, struct gw_buf *out);
void sched_back_off_record_write(const struct sched_back_off_record *r, struct gw_buf *out);
void sched_cal_record_write(const struct sched_cal_record *r, struct gw_buf *out);

enum gw_code sched_sub_record_parse(struct gw_str text, struct sched_sub_record *out,
                                    struct gw_err *err);
enum gw_code sched_farewell_record_parse(struct gw_str text, struct sched_farewell_record *out,
                                         struct gw_err *err);
enum gw_code sched_back_off_record_parse(struct gw_str text, struct sched_back_off_record *out,
                                         struct gw_err *err);
enum gw_code sched_cal_record_parse(struct gw_str text, struct sched_cal_record *out,
                                    struct gw_err *err);

#endif
