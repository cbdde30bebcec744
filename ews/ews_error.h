/* What an answer of Exchange means for the caller. The table is in ews_error.c. */
#ifndef EWS_ERROR_H
#define EWS_ERROR_H

#include "gw_err.h"
#include "gw_str.h"

/* Chosen by what the caller does next. */
enum ews_class {
    EWS_OK,
    EWS_BUSY,               /* throttled: nothing to this server before backoff_ms is over */
    EWS_CONNECTION_LIMIT,   /* too many at once: lower concurrency */
    EWS_SUBSCRIPTION_LIMIT, /* wait for leaked subscriptions to die */
    EWS_TOO_MUCH,           /* narrow the window */
    EWS_TRANSIENT,          /* same server with back-off, then another */
    EWS_ELSEWHERE,          /* this server cannot serve this mailbox: another one */
    EWS_SUBSCRIPTION_GONE,  /* subscribe again without watermark, read again */
    EWS_MAILBOX,            /* this mailbox: unknown, disabled, no access; slow retry */
    EWS_PERMISSION,         /* impersonation is not allowed; alarm, slow retry */
    EWS_CREDENTIALS,        /* 401, password expired: alarm, stop; account lock-out is near */
    EWS_CONFIG,             /* URL, port, certificate, push URL: an administrator must act */
    EWS_VERSION,            /* lower RequestServerVersion */
    EWS_UNSUPPORTED,        /* not with a server of its version: another operation or mode */
    EWS_BUG,                /* our request was invalid */
    EWS_BAD_ANSWER,         /* not what EWS answers: HTML, cut, malformed */
    EWS_SERVER_DOWN         /* transport, time-out, 503 or 500 without SOAP */
};

struct ews_status {
    enum ews_class class;
    char code[64];      /* ResponseCode, "http-503", "timeout"; for logs and tables */
    char text[480];     /* a sentence that an administrator understands */
    int64_t backoff_ms; /* EWS_BUSY, or Retry-After; 0: none was said */
    bool alive;         /* proof of life: a SOAP answer of any kind */
};

const char *ews_class_name(enum ews_class class);

/* Class of a ResponseCode; unknown codes are EWS_TRANSIENT. */
enum ews_class ews_class_of(struct gw_str response_code);

#endif
