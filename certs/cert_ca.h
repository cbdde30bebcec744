/* A certificate authority for laboratories: a folder with a root, its key, and what it issues. Every
 * certificate says in its organisation that it is not for production. */
#ifndef CERT_CA_H
#define CERT_CA_H

#include "gw_err.h"
#include "gw_str.h"
#include "gw_time.h"

#define CERT_CA_ORGANISATION "Kalends laboratory, not for production"
#define CERT_CA_ROOT         "root.pem" /* in the folder: to be trusted */
#define CERT_CA_KEY          "root.key" /* mode 0600 */

enum { CERT_CA_DAYS = 825, CERT_CA_NAMES_MAX = 100 };

/* Makes the folder when it is not there (mode 0700). GW_EXISTS: it has a root already. */
enum gw_code cert_ca_create(const char *folder, gw_utc now, struct gw_err *err);

/* For host names and addresses, for server and client: FOLDER/FIRST.pem, the certificate with the
 * root behind it, and FOLDER/FIRST.key; those that were there are replaced. Their paths are given
 * (free()). GW_NOTFOUND: there is no root. */
enum gw_code cert_ca_issue(const char *folder, const struct gw_str *names, size_t count, int days,
                           gw_utc now, char **cert_path_out, char **key_path_out,
                           struct gw_err *err);

#endif
