/* A certification authority of the mock's own: a root, an intermediate, and server certificates that are
 * right, or wrong in one point. It lives as long as the process: never for production. */
#ifndef MOCK_CA_H
#define MOCK_CA_H

#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"

enum mock_cert_fault {
    MOCK_CERT_RIGHT,
    MOCK_CERT_EXPIRED,       /* since yesterday */
    MOCK_CERT_NOT_YET_VALID, /* from tomorrow on */
    MOCK_CERT_WRONG_NAME,    /* for "wrong.invalid" only */
    MOCK_CERT_INCOMPLETE,    /* the intermediate is left out */
    MOCK_CERT_SELF_SIGNED,
    MOCK_CERT_FAULTS
};
const char *mock_cert_fault_name(enum mock_cert_fault fault); /* "expired" */

struct mock_ca;
enum gw_code mock_ca_new(gw_utc now, struct mock_ca **out, struct gw_err *err);
void mock_ca_free(struct mock_ca **cap);
const char *mock_ca_root_pem(const struct mock_ca *ca); /* what a client must trust */

/* Names are DNS names and IP addresses; the first one is the subject's CN as well. Gives certificate
 * (with its chain) and key as PEM. Each is a new one, with a new key. */
struct mock_cert_spec {
    const struct gw_str *names;
    size_t count;
    enum mock_cert_fault fault;
};
enum gw_code mock_ca_issue(struct mock_ca *ca, const struct mock_cert_spec *spec, gw_utc now,
                           char **cert_pem, char **key_pem, struct gw_err *err);

#endif
