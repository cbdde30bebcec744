/* kalendsctl: the command line. It speaks to the daemon's API only, so that whatever it can do, a
 * script with an HTTP client can do. Files admin_ctl_*.c are the program's, not the API's; their
 * names begin with ctl_. */
#ifndef ADMIN_CTL_H
#define ADMIN_CTL_H

#include <jansson.h>
#include <stdbool.h>

#include "gw_buf.h"
#include "gw_str.h"
#include "gw_time.h"

struct ctl;

enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,     /* the daemon refused, or what was asked for did not work */
    CTL_USAGE = 2,      /* the command line is wrong */
    CTL_UNREACHABLE = 3 /* no daemon at the socket */
};

/* --- admin_ctl_args.c: a command line, read by a table */

enum ctl_field { CTL_NO_FIELD, CTL_TEXT, CTL_NUMBER, CTL_TRUE, CTL_YES_NO };

/* An option of a command. 'value' NULL: a flag. What is of a field type goes into the body of the
 * request under the option's name. */
struct ctl_option {
    const char *name; /* "host", without the dashes */
    const char *value;
    enum ctl_field field;
    const char *help;
};

enum { CTL_OPTIONS_MAX = 16 };

struct ctl_command {
    const char *words; /* "gateway add" */
    const char *args;  /* "NAME", "[FILTER]", "NAME..." */
    const char *help;  /* one line */
    enum ctl_exit (*run)(struct ctl *ctl);
    const struct ctl_option *options; /* ends with a NULL name; may be NULL */
    const char *more;                 /* further lines of help; may be NULL */
    const char *examples;             /* lines, each one a command without "kalendsctl" */
};

struct ctl_line {
    const struct ctl_command *command;
    const char *socket; /* NULL: not said */
    bool json, help, version;
    const char **args; /* positional, after the command's words */
    size_t args_count;
    const char *words[CTL_OPTIONS_MAX]; /* said before a command was recognised: help about these */
    size_t words_count;
    const char *value[CTL_OPTIONS_MAX]; /* by index in the command's options; NULL: not said */
};

/* False: *wrong says why. 'line' is usable either way for help; ctl_line_done() frees. */
bool ctl_line_parse(const struct ctl_command *commands, int argc, char **argv,
                    struct ctl_line *line, struct gw_buf *wrong);
void ctl_line_done(struct ctl_line *line);

/* --- admin_ctl_help.c */

/* Help about a command, about a group of commands ("user"), or about everything (no words).
 * False: nothing begins with these words. */
bool ctl_help_write(const struct ctl_command *commands, const char *const *words, size_t count,
                    struct gw_buf *out);

/* Shorter, for somebody who made a mistake: the commands that begin with the words; one's synopsis. */
void ctl_group_write(const struct ctl_command *commands, const char *const *words, size_t count,
                     struct gw_buf *out);
void ctl_usage_write(const struct ctl_command *command, struct gw_buf *out);

/* --- admin_ctl_commands.c: ends with words NULL */

extern const struct ctl_command ctl_commands[];

/* --- kalendsctl.c: what a command has at hand */

struct net_loop;
struct net_http_slot;

struct ctl {
    const struct ctl_line *line;
    const char *socket;
    struct net_loop *loop;
    struct net_http_slot *slot;
    gw_utc now; /* when the program started; the daemon's time where its answer tells it */
};

const char *ctl_arg(const struct ctl *ctl, size_t index);     /* NULL: not said */
const char *ctl_opt(const struct ctl *ctl, const char *name); /* NULL: not said; a flag: "" */

/* The options that go into a body, as an object. */
json_t *ctl_options_json(const struct ctl *ctl);

/* One line on standard error, "kalendsctl: ..."; with --json an object. Escapes. */
void ctl_complain(const struct ctl *ctl, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* --- admin_ctl_http.c: requests to the daemon */

/* "/v1/users/ann%40example.org/explain": every "%s" of the format is encoded. Only %s is known.
 * Gives: free(). */
char *ctl_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Takes path and body (may be NULL). CTL_OK: *out is the answer (caller's reference). Otherwise the
 * reason was already said. Without --json every text in answers is as ctl_text_add() leaves it. */
enum ctl_exit ctl_call(struct ctl *ctl, const char *method, char *path, json_t *body, json_t **out);

/* The same without a body, and with the answer's text as it came: for what is printed elsewhere. */
enum ctl_exit ctl_call_raw(struct ctl *ctl, const char *method, char *path, json_t **out);

/* Takes path: sends a body that is not JSON. */
enum ctl_exit ctl_send(struct ctl *ctl, const char *method, char *path, const char *type,
                       struct gw_str body, json_t **out);

/* A change: the answer as JSON, or the words before and after the first argument: "user 'ann' added". */
enum ctl_exit ctl_change(struct ctl *ctl, const char *method, char *path, json_t *body,
                         const char *before, const char *after);

/* A streamed answer: 'line' is called for each JSON line, borrowed; false ends the stream. Takes
 * path. CTL_OK: the stream ended in order, or was ended by 'line'. */
typedef bool ctl_line_fn(const json_t *line, void *ctx);
enum ctl_exit ctl_stream(struct ctl *ctl, const char *method, char *path, ctl_line_fn *line,
                         void *ctx);

/* --- admin_ctl_print.c: for people, and for programs */

/* Adds text with everything escaped that could move a terminal's cursor or hide something. */
void ctl_text_add(struct gw_buf *out, struct gw_str text);

void ctl_print_json(const json_t *json); /* indented, for answers */
void ctl_print_json_line(const json_t *json);

/* Members of an object; missing ones and those of another type give "", 0, false. */
const char *ctl_str(const json_t *object, const char *name);
json_int_t ctl_int(const json_t *object, const char *name);
/* Which further calendars are not read, a line each; nothing when all are. */
void ctl_calendars_left(const json_t *of, const char *before);
bool ctl_true(const json_t *object, const char *name);
gw_utc ctl_utc(const json_t *object, const char *name); /* 0: not known */

/* "14:05:02 (4 min ago)", "2026-11-21 09:00 (in 19 h)"; "never" or what 'unknown' says for 0. */
enum { CTL_TIME_MAX = 80 };
const char *ctl_time(gw_utc t, gw_utc now, const char *unknown, char out[CTL_TIME_MAX]);
const char *ctl_clock(gw_utc t, gw_utc now, char out[CTL_TIME_MAX]); /* without the relative part */

/* A time as people type it, of this machine's zone: "15:00" (the next one), "2026-11-20 15:00"; or of
 * any, "2026-11-20T15:00:00+09:00"; as the API wants it. False: none of these, which was said. */
bool ctl_time_read(const struct ctl *ctl, const char *text, char out[GW_UTC_TEXT_MAX]);

/* Rows with aligned columns. Head: "NAME|PORT>|STATE", '>' for numbers. Cells are copied. */
struct ctl_table;
struct ctl_table *ctl_table_new(const char *head);
void ctl_table_cell(struct ctl_table *t, const char *text);
void ctl_table_cellf(struct ctl_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ctl_table_print(struct ctl_table **tp); /* and frees */

/* --- admin_ctl_prompt.c */

/* A password, from standard input (one line) or asked for twice on the terminal. CTL_OK: gives it
 * (gw_secret_free()). */
enum ctl_exit ctl_password_read(struct ctl *ctl, bool from_stdin, const char *whose, char **out);

/* Puts a password that options ask for (--password-stdin, --ask-password, or 'always') into the
 * body. */
enum ctl_exit ctl_password_add(struct ctl *ctl, bool always, const char *whose, json_t *body);

/* --- admin_ctl_certs.c, admin_ctl_probe.c */

enum { CTL_FINGERPRINT_MAX = 65 }; /* SHA-256 in hex, and NUL */
/* Also as OpenSSL writes it, "AB:CD:...", and the beginning of one. False: it cannot be one. */
bool ctl_fingerprint_normalise(const char *in, char out[CTL_FINGERPRINT_MAX]);
const char *ctl_store(const struct ctl *ctl); /* --store, or its default */
enum ctl_exit ctl_file_read(const struct ctl *ctl, const char *path, struct gw_buf *out); /* "-" */
void ctl_pem_print(const char *label, const char *base64);
void ctl_certificate_print(const struct ctl *ctl, const json_t *certificate);
void ctl_chain_print(const struct ctl *ctl, const json_t *chain);
/* Host and port of the first argument, "HOST[:PORT]", for a request. CTL_USAGE: was complained of. */
enum ctl_exit ctl_server_put(const struct ctl *ctl, int64_t default_port, json_t *body);

/* --- admin_ctl_override.c */

void ctl_override_line(const json_t *o, gw_utc now, struct gw_buf *out); /* "busy until 15:00:00" */

/* --- the commands */

enum ctl_exit ctl_domain_add(struct ctl *ctl);
enum ctl_exit ctl_domain_list(struct ctl *ctl);
enum ctl_exit ctl_domain_remove(struct ctl *ctl);
enum ctl_exit ctl_gateway_add(struct ctl *ctl);
enum ctl_exit ctl_gateway_edit(struct ctl *ctl);
enum ctl_exit ctl_gateway_remove(struct ctl *ctl);
enum ctl_exit ctl_gateway_drain(struct ctl *ctl);
enum ctl_exit ctl_gateway_undrain(struct ctl *ctl);
enum ctl_exit ctl_gateway_list(struct ctl *ctl);
enum ctl_exit ctl_gateway_check(struct ctl *ctl);
enum ctl_exit ctl_gateway_discover(struct ctl *ctl);
enum ctl_exit ctl_user_add(struct ctl *ctl);
enum ctl_exit ctl_user_edit(struct ctl *ctl);
enum ctl_exit ctl_user_remove(struct ctl *ctl);
enum ctl_exit ctl_user_list(struct ctl *ctl);
enum ctl_exit ctl_user_show(struct ctl *ctl);
enum ctl_exit ctl_user_enable(struct ctl *ctl);
enum ctl_exit ctl_user_disable(struct ctl *ctl);
enum ctl_exit ctl_user_import(struct ctl *ctl);
enum ctl_exit ctl_contact_import(struct ctl *ctl);
enum ctl_exit ctl_contact_rename(struct ctl *ctl);
enum ctl_exit ctl_user_update(struct ctl *ctl);
enum ctl_exit ctl_job_list(struct ctl *ctl);
enum ctl_exit ctl_job_show(struct ctl *ctl);
enum ctl_exit ctl_job_watch(struct ctl *ctl);
enum ctl_exit ctl_job_cancel(struct ctl *ctl);
enum ctl_exit ctl_job_undo(struct ctl *ctl);
enum ctl_exit ctl_job_result(struct ctl *ctl);
enum ctl_exit ctl_audit(struct ctl *ctl);
enum ctl_exit ctl_password_set(struct ctl *ctl);
enum ctl_exit ctl_param_set(struct ctl *ctl);
enum ctl_exit ctl_param_get(struct ctl *ctl);
enum ctl_exit ctl_sip_route(struct ctl *ctl);
enum ctl_exit ctl_sip_trace(struct ctl *ctl);
enum ctl_exit ctl_diag_tls(struct ctl *ctl);
enum ctl_exit ctl_sip_sessions(struct ctl *ctl);
enum ctl_exit ctl_sip_clients(struct ctl *ctl);
enum ctl_exit ctl_federation_list(struct ctl *ctl);
enum ctl_exit ctl_federation_why(struct ctl *ctl);
enum ctl_exit ctl_federation_except(struct ctl *ctl);
enum ctl_exit ctl_federation_forget(struct ctl *ctl);
enum ctl_exit ctl_federation_secret_set(struct ctl *ctl);
enum ctl_exit ctl_federation_export(struct ctl *ctl);
enum ctl_exit ctl_federation_compare(struct ctl *ctl);
enum ctl_exit ctl_federation_secret_reset(struct ctl *ctl);
enum ctl_exit ctl_mail_list(struct ctl *ctl);
enum ctl_exit ctl_mail_add(struct ctl *ctl);
enum ctl_exit ctl_mail_remove(struct ctl *ctl);
enum ctl_exit ctl_lab_create(struct ctl *ctl);
enum ctl_exit ctl_lab_issue(struct ctl *ctl);
enum ctl_exit ctl_cert_check(struct ctl *ctl);
enum ctl_exit ctl_cert_fetch(struct ctl *ctl);
enum ctl_exit ctl_crl_add(struct ctl *ctl);
enum ctl_exit ctl_crl_list(struct ctl *ctl);
enum ctl_exit ctl_crl_remove(struct ctl *ctl);
enum ctl_exit ctl_own_list(struct ctl *ctl);
enum ctl_exit ctl_own_show(struct ctl *ctl);
enum ctl_exit ctl_own_request(struct ctl *ctl);
enum ctl_exit ctl_own_self_sign(struct ctl *ctl);
enum ctl_exit ctl_own_install(struct ctl *ctl);
enum ctl_exit ctl_own_import(struct ctl *ctl);
enum ctl_exit ctl_own_export(struct ctl *ctl);
enum ctl_exit ctl_own_renew(struct ctl *ctl);
enum ctl_exit ctl_own_remove(struct ctl *ctl);
enum ctl_exit ctl_trust_add(struct ctl *ctl);
enum ctl_exit ctl_trust_list(struct ctl *ctl);
enum ctl_exit ctl_trust_show(struct ctl *ctl);
enum ctl_exit ctl_trust_export(struct ctl *ctl);
enum ctl_exit ctl_trust_remove(struct ctl *ctl);
enum ctl_exit ctl_mapping_list(struct ctl *ctl);
enum ctl_exit ctl_mapping_set(struct ctl *ctl);
enum ctl_exit ctl_mapping_reset(struct ctl *ctl);
enum ctl_exit ctl_rule_list(struct ctl *ctl);
enum ctl_exit ctl_rule_add(struct ctl *ctl);
enum ctl_exit ctl_rule_edit(struct ctl *ctl);
enum ctl_exit ctl_rule_move(struct ctl *ctl);
enum ctl_exit ctl_rule_remove(struct ctl *ctl);
enum ctl_exit ctl_rule_test(struct ctl *ctl);
enum ctl_exit ctl_text_list(struct ctl *ctl);
enum ctl_exit ctl_text_set(struct ctl *ctl);
enum ctl_exit ctl_text_reset(struct ctl *ctl);
enum ctl_exit ctl_log_level(struct ctl *ctl);
enum ctl_exit ctl_status(struct ctl *ctl);
enum ctl_exit ctl_watch(struct ctl *ctl);
enum ctl_exit ctl_explain(struct ctl *ctl);
enum ctl_exit ctl_override_set(struct ctl *ctl);
enum ctl_exit ctl_override_clear(struct ctl *ctl);
enum ctl_exit ctl_override_list(struct ctl *ctl);
enum ctl_exit ctl_watcher_list(struct ctl *ctl);
enum ctl_exit ctl_watcher_requests(struct ctl *ctl);
enum ctl_exit ctl_watcher_allow(struct ctl *ctl);
enum ctl_exit ctl_watcher_block(struct ctl *ctl);
enum ctl_exit ctl_watcher_forget(struct ctl *ctl);
enum ctl_exit ctl_privacy_set(struct ctl *ctl);
enum ctl_exit ctl_privacy_list(struct ctl *ctl);
enum ctl_exit ctl_refresh(struct ctl *ctl);
enum ctl_exit ctl_version(struct ctl *ctl);

#endif
