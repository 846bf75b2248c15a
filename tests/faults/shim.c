/* Fails, or kills the process, at the n-th call that changes something below a folder. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char below[PATH_MAX];
static long count, at;
static int failure; /* an errno, or 0 to kill */

void fault_arm(const char *folder, long n, int error) {
    strncpy(below, folder, sizeof below - 1);
    count = 0, at = n, failure = error;
}

long fault_count(void) { return count; }

/* Whether this call fails; `may_fail` is 0 for what only clears away. From the n-th call on all fail, as on a full disk. */
static int due(const char *path, int may_fail) {
    if (!below[0] || strncmp(path, below, strlen(below)) != 0) return 0;
    count++;
    if (at <= 0 || count < at) return 0;
    if (failure == 0) kill(getpid(), SIGKILL);
    if (!may_fail) return 0;
    errno = failure;
    return 1;
}

static int due_place(int place, int may_fail) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", place);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return due(path, may_fail);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int place, const void *content, size_t size) {
    REAL(write);
    return due_place(place, 1) ? -1 : real(place, content, size);
}

int fsync(int place) {
    REAL(fsync);
    return due_place(place, 1) ? -1 : real(place);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return due(to, 1) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return due(path, 1) ? -1 : real(path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    due(path, 0);
    return real(path);
}

int rmdir(const char *path) {
    REAL(rmdir);
    due(path, 0);
    return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    due_place(folder, 0);
    return real(folder, path, flags);
}

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...) {                            \
        static int (*real)(const char *, int, ...);                         \
        if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        va_list more;                                                       \
        va_start(more, flags);                                              \
        mode_t mode = va_arg(more, mode_t);                                 \
        va_end(more);                                                       \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && due(path, 1)) return -1; \
        return real(path, flags, mode);                                     \
    }
OPEN(open)
OPEN(open64)
