/* Mailboxes that no gateway serves: they were moved to another server. Autodiscover says which; when
 * that is a gateway the user goes there, else the log tells the administrator of it. */
#ifndef GD_ASTRAY_H
#define GD_ASTRAY_H

#include "gd.h"

/* A few at a time; beyond them nothing happens: the scheduler will ask again. */
void gd_astray_look(struct gd *gd, struct gw_str user, struct gw_str mailbox);
void gd_astray_stop(struct gd *gd);

#endif
