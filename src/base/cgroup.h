/* The memory that this process's control groups leave it (Linux, versions 1 and 2): what a container or `systemd-run -p MemoryMax=4G` allows.
 * Of all groups from the process's own up to the root the tightest counts; file pages that the kernel can drop are not in the way. Any thread. */
#ifndef PINGTI_BASE_CGROUP_H
#define PINGTI_BASE_CGROUP_H
#include <stdbool.h>
#include <stdint.h>

typedef struct cgroup_memory {
    uint64_t limit, available; /* UINT64_MAX: no group limits it */
} cgroup_memory;

cgroup_memory cgroup_memory_now(void);
/* The same of a membership file (/proc/self/cgroup) and a mount point (/sys/fs/cgroup): for tests. */
cgroup_memory cgroup_memory_of(const char *membership, const char *root);
#endif
