/* Where log lines go: stderr, a file (opened anew on request, for log rotation), or syslog. */
#ifndef GD_LOG_H
#define GD_LOG_H

#include "gw_err.h"
#include "gw_str.h"

/* target: "stderr", "syslog", or the path of a file. From now on lines of every thread go there. */
enum gw_code gd_log_open(const char *target, struct gw_err *err);

/* Opens the file again (after it was moved away). A failure leaves the old one in use, and says so. */
void gd_log_reopen(void);
void gd_log_close(void);

/* "info, xmpp=debug, net=warn": levels of all and of single components. */
enum gw_code gd_log_levels_set(struct gw_str text, struct gw_err *err);

#endif
