/* Memory that cannot fail: exhaustion ends the process, since all state is in the store. A size
 * chosen by a peer is checked against a limit before it comes here. */
#ifndef GW_MEM_H
#define GW_MEM_H

#include <stddef.h>

void *gw_alloc(size_t size); /* zeroed */
void *gw_realloc(void *p, size_t count,
                 size_t size); /* overflow of count * size ends the process */

/* For builds under LeakSanitizer: what a library loses between the two is not looked for. Nothing
 * otherwise. Of the calling thread; may be nested. */
void gw_leak_ignore(void);
void gw_leak_look(void);

#define gw_new(type) ((type *)gw_alloc(sizeof(type)))

#endif
