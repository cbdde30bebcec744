/* Private keys, and certificates that come together with one: what takes time to make or to read, and is
 * therefore for a worker thread. */
#ifndef CERT_KEY_H
#define CERT_KEY_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"

enum cert_key_kind { CERT_RSA_2048, CERT_RSA_3072, CERT_RSA_4096, CERT_EC_P256, CERT_EC_P384 };

/* "rsa-2048", "ec-p256" ... GW_INVALID: names them all. */
enum gw_code cert_key_kind_parse(struct gw_str text, enum cert_key_kind *out, struct gw_err *err);

struct cert_key;

/* Both on any thread; up to some seconds. */
enum gw_code cert_key_make(enum cert_key_kind kind, struct cert_key **out, struct gw_err *err);

/* PKCS#12 (.p12, .pfx) with one key and its certificate, the chain if it is in there. What would take
 * long, or be big, is refused before it is tried. GW_DENIED: the password is another one. */
enum gw_code cert_key_from_p12(struct gw_str data, struct gw_str password, struct cert_key **out,
                               struct gw_err *err);
void cert_key_free(struct cert_key **kp);

#endif
