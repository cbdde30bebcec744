/* The directory: domains and users, live in memory over the store, and passwords as SCRAM keys. Every
 * change is checked at once, is in force and told to the listeners before the call returns, and is
 * then on its way to the disk: 'done' (may be NULL) says when it is there, never from inside the
 * call. When a call fails nothing has changed and 'done' does not come. Loop thread only. */
#ifndef DIR_H
#define DIR_H

#include <stdint.h>

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"
#include "store.h"

enum {
    DIR_ID_MAX = 255,     /* bytes; RFC 7622 would allow 1023, no directory does */
    DIR_DOMAIN_MAX = 253, /* RFC 1035 */
    DIR_JID_MAX = DIR_ID_MAX + 1 + DIR_DOMAIN_MAX,
    DIR_MAIL_MAX = 320,
    DIR_DISPLAY_NAME_MAX = 256,
    DIR_SIP_MAX = 320,
    DIR_DEPARTMENT_MAX = 128,
    DIR_LANGUAGE_MAX = 64,
    DIR_ZONE_MAX = 64,
    DIR_GROUP_MAX = 64,
    DIR_DOMAINS_MAX = 1000,
    DIR_USERS_MAX = 1000 * 1000
};

struct dir;
struct json_t;

struct dir *dir_new(struct store *store); /* borrowed */
void dir_free(struct dir **dirp);

/* Once, before anything is changed: reads the store. Listeners are told of every domain and user.
 * A record that cannot be read is logged and left alone. No dir_free() before done. */
void dir_load(struct dir *dir, store_done_fn *done, void *ctx);

/* --- names */

/* The one form in which a user is known everywhere: the id by the profile nodeprep (RFC 3920 appendix
 * A: case folded, compatibility forms mapped; its forbidden characters are those of RFC 7622), the
 * domain by UTS 46, with U-labels. Without a resource. GW_INVALID says what is wrong. Appends to
 * out. */
enum gw_code dir_jid_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err);
enum gw_code dir_domain_normalise(struct gw_str text, struct gw_buf *out, struct gw_err *err);

/* --- domains. Text of any form in; the list and the listeners have the normalised one */

enum gw_code dir_domain_add(struct dir *dir, struct gw_str domain, store_done_fn *done, void *ctx,
                            struct gw_err *err); /* GW_EXISTS */
enum gw_code dir_domain_remove(struct dir *dir, struct gw_str domain, store_done_fn *done,
                               void *ctx,
                               struct gw_err *err); /* GW_NOTFOUND; GW_INVALID: has users */

struct dir_domain {
    struct gw_str name;  /* normalised: U-labels */
    struct gw_str ascii; /* A-labels ("xn--..."): for certificates and DNS */
    size_t users;
};
/* In no order: start with *pos = 0, ends with false. No change between the calls. */
bool dir_domain_next(const struct dir *dir, size_t *pos, struct dir_domain *out);
size_t dir_domain_count(const struct dir *dir);

/* --- users */

struct dir_user {                      /* text borrowed until the user changes */
    struct gw_str jid;                 /* "id@domain" */
    struct gw_str id, domain;          /* the parts of jid */
    struct gw_str mail, display_name;  /* these and the next may be empty; mail is the mailbox */
    struct gw_str sip;                 /* "user@host", without "sip:" */
    struct gw_str department, group;   /* free text; a policy may be set for a group */
    struct gw_str language;            /* BCP 47, as ICU writes it: "ja", "en-GB" */
    struct gw_str zone;                /* IANA: "Europe/Berlin" */
    bool im_enabled, calendar_enabled; /* IM and Presence; meeting information in presence */
    bool hide_oof;                     /* automatic replies are shown to nobody */
    bool has_password;
};

/* A user's fields as everybody names them who does not know them one by one: API, files, filters,
 * records. Those that can be edited come first, of these the texts. */
enum { DIR_TEXTS = 7, DIR_EDITABLE = DIR_TEXTS + 3, DIR_FIELDS = DIR_EDITABLE + 4 };

struct dir_field {
    const char *name;
    bool is_flag;
    size_t max;              /* bytes of a text */
    size_t of_user, of_edit; /* offsets; of_edit of an editable field only */
    const char *help;

    /* Of an editable text, both may be NULL. check: cheap, whether it may be at all. normalise:
     * appends the form in which it is kept. */
    enum gw_code (*check)(struct gw_str text, struct gw_err *err);
    enum gw_code (*normalise)(struct gw_str text, struct gw_buf *out, struct gw_err *err);
};
extern const struct dir_field dir_fields[DIR_FIELDS];

const struct dir_field *dir_field_find(struct gw_str name); /* NULL: none */
struct gw_str dir_user_text(const struct dir_user *u, const struct dir_field *f);
bool dir_user_flag(const struct dir_user *u, const struct dir_field *f);

/* NULL: as it was; on adding: empty, off. A zone may also be one of Windows ("Tokyo Standard Time"). */
struct dir_user_edit {
    const struct gw_str *mail, *display_name, *sip, *department, *language, *zone, *group;
    const bool *im_enabled, *calendar_enabled, *hide_oof; /* calendar needs mail: else GW_INVALID */
};

/* An edit, filled field by field, and what it points to. Not to be copied. */
struct dir_user_form {
    struct dir_user_edit edit;
    struct gw_str text[DIR_EDITABLE];
    bool flag[DIR_EDITABLE];
};
void dir_form_text(struct dir_user_form *form, const struct dir_field *f, struct gw_str text);
void dir_form_flag(struct dir_user_form *form, const struct dir_field *f, bool flag);
/* One member of an object; text is borrowed from it. GW_INVALID: no such field, or of another type. */
enum gw_code dir_form_json(struct dir_user_form *form, const char *name, const struct json_t *value,
                           struct gw_err *err);

/* What differs, as an object of pairs: {"zone": ["", "Asia/Tokyo"]}; gives. NULL: a user who is not
 * there, with all fields empty and off. */
struct json_t *dir_user_diff(const struct dir_user *before, const struct dir_user *after);
struct json_t *dir_user_value(const struct dir_user *u, const struct dir_field *f);

/* jid: text of any form. The domain must be one of ours. */
enum gw_code dir_user_add(struct dir *dir, struct gw_str jid, const struct dir_user_edit *edit,
                          store_done_fn *done, void *ctx, struct gw_err *err);
enum gw_code dir_user_change(struct dir *dir, struct gw_str jid, const struct dir_user_edit *edit,
                             store_done_fn *done, void *ctx, struct gw_err *err);
enum gw_code dir_user_remove(struct dir *dir, struct gw_str jid, store_done_fn *done, void *ctx,
                             struct gw_err *err); /* the password too */

/* jid: as dir_jid_normalise() writes it. */
bool dir_user_get(const struct dir *dir, struct gw_str jid, struct dir_user *out);
bool dir_user_next(const struct dir *dir, size_t *pos, struct dir_user *out); /* as domains */
size_t dir_user_count(const struct dir *dir);

/* --- passwords: never stored, only what a server needs to check one (RFC 5802 section 3) */

/* What each login costs a client, and the gateway for PLAIN: RFC 7677 asks for 4096 at least; clients
 * on phones set the upper end. Some 10 ms for both hashes. */
enum { DIR_SCRAM_ITERATIONS = 10000, DIR_SALT_LEN = 16, DIR_PASSWORD_MAX = 1024 };

struct dir_password { /* wipe after use: gw_wipe() */
    uint32_t iterations;
    uint8_t salt[DIR_SALT_LEN];
    uint8_t sha256_stored_key[32], sha256_server_key[32]; /* SCRAM-SHA-256 */
    uint8_t sha1_stored_key[20], sha1_server_key[20];     /* SCRAM-SHA-1 */
    uint32_t digests; /* enum dir_digest: which of these are there */
    uint8_t digest_sha256[32], digest_md5[16];
};

/* What digest authentication (RFC 7616: SIP clients) needs: a hash of name, realm and password that is
 * as good as the password to whoever gets it. So it is kept only while somebody needs it. */
enum dir_digest { DIR_DIGEST_SHA256 = 1, DIR_DIGEST_MD5 = 2 };

/* Takes some 10 ms and touches nothing else: for a worker thread. SASLprep, then a random salt. */
enum gw_code dir_password_derive(struct gw_str password, struct dir_password *out,
                                 struct gw_err *err);
enum gw_code dir_password_put(struct dir *dir, struct gw_str jid,
                              const struct dir_password *password, store_done_fn *done, void *ctx,
                              struct gw_err *err);
/* Of enum dir_digest: what is kept from now on of passwords that are put; nothing at first. What is kept
 * of others already goes with dir_digests_trim(): of some users a call, so that no loop is held up;
 * *pos as with dir_user_next(). False: of all. */
void dir_digests_keep(struct dir *dir, uint32_t digests);
bool dir_digests_trim(struct dir *dir, size_t *pos);
/* Before dir_password_put(): adds those that are to be kept. 'text' is the password; name and realm are the
 * parts of the JID. */
void dir_digests_derive(const struct dir *dir, struct gw_str jid, struct gw_str text,
                        struct dir_password *password);
/* NULL: none. Borrowed until the password or the user changes. jid is normalised. */
const struct dir_password *dir_password_get(const struct dir *dir, struct gw_str jid);

/* --- listeners */

struct dir_user_change {
    const struct dir_user *before, *after; /* NULL: added; removed. One of them is there */
    bool password_changed;                 /* before and after are else the same */
    bool loading;                          /* from dir_load() */

    /* Of the change: what a listener adds is stored with it or not at all. NULL while loading. */
    struct store_batch *batch;
    struct gw_str by; /* as dir_act() was told */
    gw_utc at;
};

/* On whose behalf, and when, changes are made from now on; borrowed until the next call. Empty: the
 * gateway's own. */
void dir_act(struct dir *dir, struct gw_str by, gw_utc at);

/* Called in the order of registering; must not change the directory. Members may be NULL. */
struct dir_listener {
    void (*user_changed)(const struct dir_user_change *change, void *ctx);
    void (*domain_changed)(struct gw_str domain, bool added, void *ctx);
    void *ctx;
};
void dir_listen(struct dir *dir, const struct dir_listener *listener); /* copied; at most 8 */

#endif
