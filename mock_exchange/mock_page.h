/* The page at the root of the control interface: its files, made part of the program when it is built
 * (page/embed.cmake). */
#ifndef MOCK_PAGE_H
#define MOCK_PAGE_H

#include <stddef.h>

struct mock_page {
    const char *path, *type;
    const unsigned char *bytes;
    size_t len;
};
extern const struct mock_page mock_page[]; /* ends with a path of NULL */

#endif
