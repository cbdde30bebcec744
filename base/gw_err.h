/* Errors: a code to decide on, a sentence to read. */
#ifndef GW_ERR_H
#define GW_ERR_H

enum gw_code {
    GW_OK = 0,
    GW_AGAIN,       /* not now: try the same again later */
    GW_UNREACHABLE, /* no connection, or it broke: try another server */
    GW_TIMEOUT,     /* no answer in time */
    GW_BADMSG,      /* the input or the peer's answer is not what it must be */
    GW_DENIED,      /* credentials or rights */
    GW_NOTFOUND,
    GW_EXISTS,
    GW_INVALID, /* an argument or a setting is wrong: tell who set it */
    GW_LIMIT,   /* a bound of ours was reached */
    GW_CANCELLED,
    GW_INTERNAL /* our system failed: disk, descriptors */
};

struct gw_err {
    enum gw_code code;
    char msg[240]; /* lower case, no full stop, what failed first, the subject in quotes */
};

/* Fills err (may be NULL) and returns code, so that one can write: return gw_fail(err, ...); */
enum gw_code gw_fail(struct gw_err *err, enum gw_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts words before the message of an error on its way up: "gateway 'cas1': ". Returns err->code;
 * err is not NULL. */
enum gw_code gw_fail_prefix(struct gw_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

const char *gw_code_name(enum gw_code code); /* "timeout", for logs and JSON */

#endif
