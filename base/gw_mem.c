#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "gw_mem.h"

enum { EXIT_OUT_OF_MEMORY = 71 }; /* EX_OSERR of sysexits.h: a supervisor may start us again */

/* No clean-up and no stdio: both may want memory. */
static _Noreturn void out_of_memory(void)
{
    static const char text[] = "out of memory, ending; all state is in the store\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    _exit(EXIT_OUT_OF_MEMORY);
}

void *gw_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *gw_realloc(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (size && count > SIZE_MAX / size)
        out_of_memory();
    bytes = count * size;
    p = realloc(p, bytes ? bytes : 1);
    if (!p)
        out_of_memory();
    return p;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* as gcc says it */
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>

void gw_leak_ignore(void)
{
    __lsan_disable();
}

void gw_leak_look(void)
{
    __lsan_enable();
}
#else
void gw_leak_ignore(void)
{
}

void gw_leak_look(void)
{
}
#endif
