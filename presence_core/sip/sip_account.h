/* Users here who have SIP clients: what a client has registered (RFC 3261 10), what it has published
 * (RFC 3903), and the dialogs it has begun. While there is anything the user has one session in the core: by
 * it messages reach the clients, it says what they have published, and all ends with it. */
#ifndef SIP_ACCOUNT_H
#define SIP_ACCOUNT_H

#include "sip_priv.h"

enum {
    SIP_BINDINGS_MAX = 10, /* of one user; of more the one that ends first goes */
    SIP_STATES_MAX = 10,   /* the same of publications */
    SIP_Q_MAX = 1000,
    SIP_INSTANCE_MAX = 128,
    SIP_AGENT_MAX = 128,
    SIP_ETAG_LEN = 16
};

struct sip_account {
    struct sip_core *core;
    struct pres_session *session;
    struct gw_list bindings; /* of struct sip_binding, the oldest first */
    size_t count;
    struct gw_list states; /* of struct sip_state, the newest last */
    size_t state_count;
    struct gw_list grants; /* of struct sip_grant */
    size_t contacts;       /* subscriptions to people abroad */
    enum pres_show show;   /* that the session says, with its note (NULL: none) */
    char *note;
    struct gw_str jid;
    char text[];
};

/* One text each, all in one block. */
enum sip_binding_text {
    SIP_BINDING_KEY, /* what makes it the same one again */
    SIP_BINDING_URI, /* the contact */
    SIP_BINDING_CALL_ID,
    SIP_BINDING_PATH,     /* for a Route header, or empty */
    SIP_BINDING_INSTANCE, /* as it is written, with its quotes; or empty */
    SIP_BINDING_AGENT,
    SIP_BINDING_HOST, /* of the next hop */
    SIP_BINDING_TEXTS
};

struct sip_binding {
    struct gw_list link;
    struct gw_due due;
    struct sip_account *account;
    gw_time expires_at;
    uint64_t conn; /* of the next hop; 0: none */
    uint32_t cseq, reg_id;
    int q; /* of SIP_Q_MAX */
    uint16_t port;
    enum sip_proto proto;
    struct gw_str text[SIP_BINDING_TEXTS];
    char bytes[];
};

struct sip_binding_args {
    gw_time expires_at;
    uint64_t conn;
    uint32_t cseq, reg_id;
    int q;
    uint16_t port;
    enum sip_proto proto;
    struct gw_str text[SIP_BINDING_TEXTS];
};

struct sip_account *sip_account_find(const struct sip_core *core, struct gw_str jid);
/* NULL: no such user, or he has too many clients. */
struct sip_account *sip_account_take(struct sip_core *core, struct gw_str jid);
/* When it has nothing any more it is gone. */
void sip_account_settle(struct sip_account *a);

struct sip_binding *sip_binding_find(const struct sip_account *a, struct gw_str key);
/* In place of the one with the same key. */
void sip_binding_put(struct sip_account *a, const struct sip_binding_args *args);
void sip_binding_free(struct sip_binding *b);
void sip_account_save(struct sip_account *a);

/* sip_grant.c: all are over; for who then frees the account. */
void sip_grants_end(struct sip_account *a);

/* sip_state.c */
struct sip_state {
    struct gw_list link;
    struct gw_due due;
    struct sip_account *account;
    gw_time expires_at;
    enum pres_show show; /* OFFLINE: closed */
    char etag[SIP_ETAG_LEN + 1];
    size_t note_len;
    char note[];
};
void sip_states_free(struct sip_account *a); /* silent */
void sip_states_save(struct sip_account *a);

/* sip_state_record.c: kind "sip-state", key and owner the user. */
bool sip_state_record_write(const struct sip_account *a, gw_utc utc, gw_time mono,
                            struct gw_buf *out);
struct sip_state_args {
    struct gw_str etag, note;
    enum pres_show show;
};
typedef void sip_state_fn(const struct sip_state_args *args, gw_utc expires, void *ctx);
/* As sip_account_record_read(). */
enum gw_code sip_state_record_read(struct gw_str value, sip_state_fn *each, void *ctx,
                                   struct gw_err *err);

/* sip_account_record.c: kind "sip-reg", key and owner the user. */
bool sip_account_record_write(const struct sip_account *a, gw_utc utc, gw_time mono,
                              struct gw_buf *out);
typedef void sip_binding_fn(const struct sip_binding_args *args, gw_utc expires, void *ctx);
/* Texts are borrowed for the call. What cannot be read is passed over: GW_BADMSG. */
enum gw_code sip_account_record_read(struct gw_str value, sip_binding_fn *each, void *ctx,
                                     struct gw_err *err);

#endif
