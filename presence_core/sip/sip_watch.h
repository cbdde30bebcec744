/* A subscription of ours, as sip_watch.c and sip_watch_record.c share it. */
#ifndef SIP_WATCH_H
#define SIP_WATCH_H

#include "sip_priv.h"

enum sip_watch_state { SIP_WATCH_IDLE, SIP_WATCH_ASKING, SIP_WATCH_HELD };

/* What is known of the contact. */
enum sip_contact {
    SIP_CONTACT_ASKED,   /* nothing yet, and nothing was told */
    SIP_CONTACT_UNKNOWN, /* nothing: there is no answer */
    SIP_CONTACT_WAITING,
    SIP_CONTACT_KNOWN
};

enum { SIP_OWN_CALL_ID_LEN = 32 };

struct sip_watch {
    struct gw_due due;
    struct gw_list ready; /* of the lane, while it waits for its turn */
    struct sip_lane *lane;
    struct sip_core *core;
    struct sip_out *out; /* the first request, on its way */
    struct sip_ask ask;  /* one inside the dialog */
    enum sip_watch_state state;
    enum sip_contact contact;
    enum pres_show show;                         /* KNOWN */
    bool is_leaving, is_retold, is_told_trouble; /* is_retold: the core wants to be told again */
    bool has_remote_cseq;
    unsigned failures; /* one after the other */
    gw_time expires_at, next_at;
    int64_t expires_s; /* asked for */
    uint32_t cseq, remote_cseq;
    char *note;
    /* The dialog; remote_tag NULL: there is none. */
    char *remote_tag, *target, *routes, *host;
    enum sip_proto proto;
    uint16_t port;
    char tag[SIP_OWN_TAG_LEN + 1], call_id[SIP_OWN_CALL_ID_LEN + 1];
    struct gw_str pair, local, remote;
    char text[];
};

struct sip_watch *sip_watch_find(const struct sip_core *core, struct gw_str local,
                                 struct gw_str remote);
/* 'tag': ours, of before; empty: a new one. */
struct sip_watch *sip_watch_new(struct sip_core *core, struct gw_str local, struct gw_str remote,
                                struct gw_str tag);
void sip_watch_resume(struct sip_watch *w, gw_time expires_at);

/* sip_watch_record.c: kind "sip-watch", key our tag, owner the user. */
bool sip_watch_record_write(const struct sip_watch *w, gw_utc expires, struct gw_buf *out);

#endif
