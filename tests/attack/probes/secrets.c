/* Secrets that a careless parent leaves: inherited, or lying where one can look. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "probe.h"

extern char **environ;

static int environment(const struct probe *p) {
    for (char **word = environ; *word; word++)
        if (strstr(*word, SECRET)) return 0;
    return ENOENT;
}

static int first_environment(const struct probe *p) { return holds_secret(open(p->arg, O_RDONLY)); }

static int descriptor(const struct probe *p) {
    char text[64] = "";
    ssize_t length = pread((int)p->number, text, sizeof text, 0);
    return length < 0 ? errno : strstr(text, SECRET) ? 0 : ENODATA;
}

static int directory(const struct probe *p) { return holds_secret(openat((int)p->number, "state/token", O_RDONLY)); }

static int any_descriptor(const struct probe *p) {
    /* 100 and the pipe's ends are the battery's own. */
    for (int fd = 3; fd < 1024; fd++)
        if (fd != 100 && fd != 101 && lseek(fd, 0, SEEK_CUR) >= 0) return 0;
    return ENOENT;
}

static int arguments(const struct probe *p) {
    char path[300], line[4096];
    DIR *all = opendir("/proc");
    if (!all) return errno;
    for (struct dirent *entry; (entry = readdir(all));) {
        if (atoi(entry->d_name) <= 0 || atoi(entry->d_name) == getpid()) continue;
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        int fd = open(path, O_RDONLY);
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
        if (fd >= 0) close(fd);
        if (length > 0 && memmem(line, (size_t)length, SECRET, strlen(SECRET))) return 0;
    }
    return ENOENT;
}

static int boot(const struct probe *p) {
    char byte;
    int fd = open(p->arg, O_RDONLY);
    if (fd < 0) return errno;
    return read(fd, &byte, 1) == 1 ? 0 : EACCES;
}

static int addresses(const struct probe *p) {
    unsigned long address;
    FILE *list = fopen(p->arg, "r");
    if (!list) return errno;
    while (fscanf(list, "%lx %*[^\n]", &address) == 1)
        if (address) return 0;
    return EPERM;
}

const struct probe secrets_probes[] = {
    {"environment", "have the service's secrets in one's environment", "cleared environment", environment, SELF, ""},
    {"first-environment", "read them in the environment of process 1", "own processes; Landlock's domain", first_environment, SELF, "/proc/1/environ"},
    {"any-environment", "read them in anybody's environment", "own processes; Landlock's domain", arguments, SELF, ""},
    {"descriptor", "have a secret's file open from one's parent", "descriptors closed", descriptor, SELF, "", 9},
    {"directory", "have a directory open from one's parent", "descriptors closed", directory, SELF, "", 8},
    {"any-descriptor", "have any file open from one's parent", "descriptors closed", any_descriptor, SELF, ""},
    {"boot-words", "read the kernel's command line", "", boot, SELF, "/proc/cmdline"},
    {"symbols", "read where the kernel's functions are", "kptr_restrict", addresses, SELF, "/proc/kallsyms"},
    {"modules", "read where its modules are", "kptr_restrict", boot, SELF, "/proc/vmallocinfo"},
    {"timers", "read the kernel's list of timers", "capabilities", boot, SELF, "/proc/timer_list"},
    {"kernel-config", "read the kernel's configuration", "", boot, SELF, "/proc/config.gz"},
};
const size_t secrets_count = COUNT(secrets_probes);
