/* Messages in sessions: one talk for each pair of a user here and one there, with its dialogs. */
#ifndef SIP_SESSION_H
#define SIP_SESSION_H

#include "sip_dialog.h"
#include "sip_sdp.h"
#include "sip_typing.h"

enum {
    SIP_TALK_SESSIONS_MAX = 4, /* of one pair: more only a peer begins that does not know its own */
    SIP_TALK_LINES_MAX = 50    /* that wait for one to begin, or for those before them */
};

/*   CALLING --2xx: ACK--> UP --idle, not wanted any more: BYE--> LEAVING
 *      |                  ^ '--BYE, or the peer knows it no more--> gone       '--answered--> gone
 *      '--refused--> gone |
 *   CALLED --ACK----------'
 *      '--no ACK for 64*T1: BYE--> LEAVING                                                     */
enum sip_session_state {
    SIP_SESSION_CALLING,
    SIP_SESSION_CALLED,
    SIP_SESSION_UP,
    SIP_SESSION_LEAVING
};

/* Addresses begin where a user may speak to someone: gone with the last session and the last line. */
struct sip_talk {
    struct sip_core *core;
    struct gw_list sessions; /* the first one that is not leaving is spoken in */
    struct gw_list lines;    /* to be said, in order */
    size_t line_count;
    struct gw_str pair, local, remote;
    char text[];
};

struct sip_session {
    struct gw_list link; /* of the talk */
    struct gw_due due;
    struct sip_talk *talk;
    struct sip_dialog dialog;
    struct sip_grant grant; /* of a peer who has logged in */
    struct sip_unproven unproven;
    enum sip_session_state state;
    bool is_unwanted; /* BYE as soon as it may be sent */
    bool is_retired;  /* another one is spoken in: it hears what was on its way, and is left soon */
    bool is_inbound;  /* the peer began it */
    bool is_over;     /* the peer may not speak any more */
    bool has_no_typing;             /* the peer does not want to know */
    struct sip_source *source;      /* whose it is: who has begun it */
    struct sip_out *out;            /* INVITE */
    struct sip_ask ask;             /* MESSAGE, INFO, BYE: one at a time */
    struct sip_line *line;          /* what it carries; NULL: something else */
    enum pres_chat chat, chat_told; /* of the user here: COMPOSING, or not */
    gw_time idle_at, typing_until;  /* typing_until: of the peer; GW_NEVER: it does not type */
    gw_utc since;
    gw_time begun_at;
    uint64_t lines_in, lines_out;
    uint32_t invite_cseq;   /* of our INVITE */
    unsigned forks;         /* of it, that answered and were ended */
    uint32_t answered_cseq; /* of the peer's that was accepted last */
    bool is_counted;
    /* CALLED: the 2xx, until its ACK. */
    char *answer, *answer_host;
    size_t answer_len;
    struct sip_peer answer_to;
    gw_time answer_at, answer_interval, answer_end;
};

/* sip_session.c: what we say and end. */
struct sip_talk *sip_talk_take(struct sip_core *core, struct gw_str local, struct gw_str remote);
struct sip_talk *sip_talk_find(const struct sip_core *core, struct gw_str local,
                               struct gw_str remote);
void sip_talk_go_on(struct sip_talk *talk); /* says what waits; it may be gone afterwards */
struct sip_session *sip_session_new(struct sip_talk *talk, enum sip_session_state state);
void sip_session_enter(struct sip_session *s, enum sip_session_state state);
void sip_session_free(struct sip_session *s); /* and not the talk */
/* It is over, whoever ended it: what was on its way goes on in another one, once. */
void sip_session_lost(struct sip_session *s);
/* BYE, now or when it may be sent; the session may be gone afterwards. */
void sip_session_leave(struct sip_session *s);
void sip_session_retire(struct sip_session *s);
void sip_session_dismiss(struct sip_session *s); /* leaves it in the next tick, or when it may */
void sip_session_shut(struct sip_session *s);    /* the same, and the peer is not heard any more */
void sip_session_used(struct sip_session *s);    /* somebody has said something */
void sip_session_arm(struct sip_session *s);
/* Tells the user here what the peer does. */
void sip_session_tell(struct sip_session *s, enum pres_chat chat);

#endif
