/* Shared by the files of base/ only. */
#ifndef GW_PRIV_H
#define GW_PRIV_H

#include <stdarg.h>

#include "gw_str.h"

/* SipHash-1-3 (Aumasson, Bernstein), 64 bits. */
uint64_t gw_siphash(const uint64_t key[2], struct gw_str s);

/* Whether a terminal or a log viewer shows the character as one glyph, in place: no controls, no
 * line separators, nothing that changes the direction of writing. */
bool gw_utf8_is_printable(uint32_t cp);

#endif
