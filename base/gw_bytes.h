/* Random bytes, hashes for tables, hex and base64, and care for secrets. */
#ifndef GW_BYTES_H
#define GW_BYTES_H

#include "gw_buf.h"
#include "gw_str.h"

void gw_random(void *out, size_t len); /* from the kernel; ends the process if it has none */

/* "n" random bytes as lower-case hex (2n characters and NUL) into out. */
void gw_random_hex(char *out, size_t n);

/* The same on every machine and in every version: SipHash-1-3 under a fixed key. For offset(user). */
uint64_t gw_hash_stable(struct gw_str s);

void gw_hex_write(struct gw_str bytes, struct gw_buf *out);
bool gw_hex_parse(struct gw_str hex, struct gw_buf *out);

/* RFC 4648 section 4, padded. Parsing accepts no white space and no missing padding. */
void gw_base64_write(struct gw_str bytes, struct gw_buf *out);
bool gw_base64_parse(struct gw_str text, struct gw_buf *out);

/* RFC 3986 2.1: everything but the unreserved characters as %XX. */
void gw_percent_write(struct gw_str text, struct gw_buf *out);

bool gw_secret_eq(struct gw_str a, struct gw_str b); /* time depends on the lengths only */
void gw_wipe(void *p, size_t len);
void gw_secret_free(char **secretp); /* wipes a NUL-terminated secret, frees, clears */

#endif
