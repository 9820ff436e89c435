/* Other processes of the same user: the witness, and whoever started us. Seen, read, changed, signalled. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

#define PROCS "own processes; Landlock's domain"
#define FILTER "seccomp"
#define BOTH "own processes; seccomp"

static long parent(void) {
    char line[256] = "";
    /* The battery's own parent: ours is the battery. */
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", getppid());
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, line, sizeof line - 1) <= 0) return -1;
    close(fd);
    const char *rest = strrchr(line, ')');
    return rest ? strtol(rest + 4, NULL, 10) : -1;
}

/* Whether the witness can be seen at all: else its number may be somebody else's. */
static int is_there(void) { return getsid((pid_t)stage.pid) == stage.sid; }

static int pidfd(void) { return (int)syscall(SYS_pidfd_open, stage.pid, 0); }

static const char *file_of(long pid, const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
    return path;
}

/* Of the witness: what only it has. */

static int victim_secret(const struct probe *p) { return holds_secret(open(file_of(stage.pid, p->arg), O_RDONLY)); }

static int victim_memory(const struct probe *p) {
    char text[64] = "";
    int fd = open(file_of(stage.pid, "mem"), O_RDONLY);
    if (fd < 0) return errno;
    if (pread(fd, text, sizeof text, stage.memory) < 0) return errno;
    return is_secret(text);
}

static int victim_link(const struct probe *p) {
    char to[512] = "";
    return readlink(file_of(stage.pid, p->arg), to, sizeof to - 1) < 0 ? errno : strstr(to, stage.dir) || p->number ? 0 : ENODATA;
}

static int victim_maps(const struct probe *p) {
    unsigned long first, last;
    char line[512];
    FILE *maps = fopen(file_of(stage.pid, p->arg), "r");
    if (!maps) return errno;
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx", &first, &last) == 2 && first <= (unsigned long)stage.memory && (unsigned long)stage.memory < last) return 0;
    return ENODATA;
}

static int victim_list(const struct probe *p) {
    DIR *directory = opendir(file_of(stage.pid, p->arg));
    if (!directory) return errno;
    int entries = 0;
    while (readdir(directory)) entries++;
    closedir(directory);
    return entries > 2 ? 0 : ENODATA;
}

static int victim_through(const struct probe *p) {
    char path[700];
    snprintf(path, sizeof path, "/proc/%ld/%s%s", stage.pid, p->arg, p->number ? at("state/token") : "/state/token");
    return holds_secret(open(path, O_RDONLY));
}

static int victim_listed(const struct probe *p) {
    char path[64], line[4096];
    DIR *directory = opendir("/proc");
    if (!directory) return errno;
    for (struct dirent *entry; (entry = readdir(directory));) {
        snprintf(path, sizeof path, "/proc/%.20s/cmdline", entry->d_name);
        int fd = open(path, O_RDONLY);
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
        if (fd >= 0) close(fd);
        for (ssize_t i = 0; i + 7 < length; i++)
            if (!memcmp(line + i, "witness", 8)) return 0;
    }
    return ENOENT;
}

static int victim_session(const struct probe *p) {
    pid_t sid = getsid((pid_t)stage.pid);
    return sid < 0 ? errno : sid == stage.sid ? 0 : ESRCH;
}

/* Of whoever started us: what must not be had, whoever it is. */

static int parent_open(const struct probe *p) {
    long pid = parent();
    int fd = pid > 0 ? open(file_of(pid, p->arg), (int)p->number) : -1;
    if (fd < 0) return pid > 0 ? errno : ESRCH;
    char byte;
    ssize_t length = p->number == O_RDONLY && strcmp(p->arg, "mem") ? read(fd, &byte, 1) : 1;
    return length == 1 ? 0 : length < 0 ? errno : ENODATA;
}

static int parent_link(const struct probe *p) {
    char to[512];
    long pid = parent();
    return pid > 0 ? ended(readlink(file_of(pid, p->arg), to, sizeof to)) : ESRCH;
}

static int parent_fd(const struct probe *p) {
    long pid = parent();
    DIR *directory = pid > 0 ? opendir(file_of(pid, "fd")) : NULL;
    if (!directory) return pid > 0 ? errno : ESRCH;
    int entries = 0;
    while (readdir(directory)) entries++;
    return entries > 2 ? 0 : ENODATA;
}

static int parent_traced(const struct probe *p) {
    long pid = parent();
    if (pid <= 0) return ESRCH;
    if (ptrace(PTRACE_SEIZE, (pid_t)pid, NULL, NULL)) return errno;
    return 0;
}

static int parent_oom(const struct probe *p) {
    long pid = parent();
    char is[16] = "";
    int fd = pid > 0 ? open(file_of(pid, "oom_score_adj"), O_RDWR) : -1;
    if (fd < 0) return pid > 0 ? errno : ESRCH;
    if (read(fd, is, sizeof is - 1) <= 0) return errno;
    /* The same as it is: whoever may write this may write more. */
    return write(fd, is, strlen(is)) > 0 ? 0 : errno;
}

/* Changed: the witness sees it at itself. */

static int victim_write(const struct probe *p) {
    int fd = open(file_of(stage.pid, "mem"), O_WRONLY);
    return fd < 0 ? errno : ended(pwrite(fd, "changed", 7, stage.memory + 256));
}

static int vm_read(const struct probe *p) {
    char text[64] = "";
    struct iovec here = {text, sizeof text}, there = {(void *)stage.memory, sizeof text};
    if (process_vm_readv((pid_t)stage.pid, &here, 1, &there, 1, 0) < 0) return errno;
    return is_secret(text);
}

static int vm_write(const struct probe *p) {
    struct iovec here = {"changed", 7}, there = {(void *)(stage.memory + 512), 7};
    return ended(process_vm_writev((pid_t)stage.pid, &here, 1, &there, 1, 0));
}

static int trace(const struct probe *p) {
    int status;
    if (ptrace((enum __ptrace_request)p->number, (pid_t)stage.pid, NULL, NULL)) return errno;
    if (p->number == PTRACE_ATTACH) waitpid((pid_t)stage.pid, &status, __WALL);
    if (p->number == PTRACE_SEIZE) ptrace(PTRACE_INTERRUPT, (pid_t)stage.pid, NULL, NULL), waitpid((pid_t)stage.pid, &status, __WALL);
    ptrace(PTRACE_DETACH, (pid_t)stage.pid, NULL, NULL);
    return 0;
}

static int trace_own_child(const struct probe *p) {
    pid_t child = fork();
    if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? errno : 0);
    return reap(child, 500);
}

static int steal_descriptor(const struct probe *p) {
    int fd = pidfd();
    return fd < 0 ? errno : ended(syscall(SYS_pidfd_getfd, fd, p->number, 0));
}

static int open_pidfd(const struct probe *p) {
    return is_there() ? ended(pidfd()) : ESRCH;
}

static int advise(const struct probe *p) {
    struct iovec there = {(void *)(stage.memory & ~4095L), 4096};
    int fd = pidfd();
    return fd < 0 ? errno : ended(syscall(SYS_process_madvise, fd, &there, 1, 20 /* MADV_COLD */, 0));
}

static int release(const struct probe *p) {
    int fd = pidfd();
    int error = fd < 0 ? errno : ended(syscall(SYS_process_mrelease, fd, 0));
    /* EINVAL: it looked, and the process is not dying. */
    return error == EINVAL ? 0 : error;
}

static int compare(const struct probe *p) {
    return ended(syscall(SYS_kcmp, stage.pid, getpid(), 0, 0, 0));
}

static int robust_list(const struct probe *p) {
    void *head;
    size_t length;
    return is_there() ? ended(syscall(SYS_get_robust_list, stage.pid, &head, &length)) : ESRCH;
}

static int move_pages_of(const struct probe *p) {
    void *page = (void *)(stage.memory & ~4095L);
    int status = -1;
    return is_there() ? ended(syscall(SYS_move_pages, stage.pid, 1, &page, NULL, &status, 0)) : ESRCH;
}

static int set_oom(const struct probe *p) {
    int fd = open(file_of(stage.pid, "oom_score_adj"), O_WRONLY);
    return fd < 0 ? errno : ended(write(fd, "900", 3));
}

static int set_priority(const struct probe *p) {
    int answer = ended(setpriority(PRIO_PROCESS, (id_t)stage.pid, 5));
    pause_for(60);
    return answer;
}

static int set_user_priority(const struct probe *p) {
    /* Only where the user is there for nothing else: it could not be undone. */
    if (!stage.suid) return ABSENT;
    return ended(setpriority(PRIO_USER, 0, 7));
}

static int set_affinity(const struct probe *p) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return ended(sched_setaffinity((pid_t)stage.pid, sizeof one, &one));
}

static int set_scheduler(const struct probe *p) {
    struct sched_param none = {0};
    return ended(sched_setscheduler((pid_t)stage.pid, SCHED_BATCH, &none));
}

static int set_attributes(const struct probe *p) {
    struct { unsigned size, policy; unsigned long long flags; int nice; unsigned priority; unsigned long long times[3]; } to = {.size = 48, .policy = SCHED_BATCH};
    return is_there() ? ended(syscall(SYS_sched_setattr, stage.pid, &to, 0)) : ESRCH;
}

static int set_io_priority(const struct probe *p) { return ended(syscall(SYS_ioprio_set, 1, stage.pid, 3 << 13)); }

static int set_limit(const struct probe *p) {
    struct rlimit low = {1000, 1000};
    return ended(prlimit((pid_t)stage.pid, RLIMIT_NOFILE, &low, NULL));
}

static int see_limit(const struct probe *p) {
    struct rlimit is;
    return is_there() ? ended(prlimit((pid_t)stage.pid, RLIMIT_NOFILE, NULL, &is)) : ESRCH;
}

static int join_group(const struct probe *p) { return ended(setpgid(0, (pid_t)stage.group)); }

/* Signals, a number for each way, so that the witness can tell them apart. */

static int by_kill(const struct probe *p) { return ended(kill((pid_t)stage.pid, atoi(p->arg))); }
static int by_tgkill(const struct probe *p) { return ended(syscall(SYS_tgkill, stage.pid, stage.pid, atoi(p->arg))); }
static int by_tkill(const struct probe *p) { return ended(syscall(SYS_tkill, stage.pid, atoi(p->arg))); }
static int by_group(const struct probe *p) { return ended(kill(-(pid_t)stage.group, atoi(p->arg))); }
static int by_all(const struct probe *p) { return ended(kill(-1, atoi(p->arg))); }

static int by_queue(const struct probe *p) {
    siginfo_t info = {.si_code = SI_QUEUE};
    return ended(syscall(SYS_rt_sigqueueinfo, stage.pid, atoi(p->arg), &info));
}

static int by_thread_queue(const struct probe *p) {
    siginfo_t info = {.si_code = SI_QUEUE};
    return ended(syscall(SYS_rt_tgsigqueueinfo, stage.pid, stage.pid, atoi(p->arg), &info));
}

static int by_pidfd(const struct probe *p) {
    int fd = pidfd();
    return fd < 0 ? errno : ended(syscall(SYS_pidfd_send_signal, fd, atoi(p->arg), NULL, 0));
}

static int by_owner(const struct probe *p) {
    int ends[2];
    if (pipe(ends)) return errno;
    if (fcntl(ends[0], F_SETOWN, (int)stage.pid) || fcntl(ends[0], F_SETSIG, atoi(p->arg)) || fcntl(ends[0], F_SETFL, O_ASYNC)) return errno;
    return write(ends[1], "x", 1) == 1 ? 0 : errno;
}

static int by_timer(const struct probe *p) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = atoi(p->arg)};
    timer_t timer;
    event._sigev_un._tid = (pid_t)stage.pid;
    return ended(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
}

/* Outliving one's box. */

static int linger(const struct probe *p) {
    char mark[128];
    snprintf(mark, sizeof mark, "%s-%s", stage.id, probing->name);
    pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
        /* Out of the battery's process group too. */
        if (p->number & 1) setsid();
        else setpgid(0, 0);
        if ((p->number & 2) && fork()) _exit(0);
        if (p->number & 4)
            for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
        for (int fd = 0; fd < 256; fd++) close(fd);
        if (p->number & 8) raise(SIGSTOP);
        execl("/proc/self/exe", "battery", "linger", mark, NULL);
        execl(own("battery"), "battery", "linger", mark, NULL);
        _exit(1);
    }
    pause_for(50);
    return 0;
}

const struct probe processes_probes[] = {
    {"listed", "see other processes in /proc", PROCS, victim_listed, SELF, ""},
    {"session-of", "see that a process is there by getsid", "own processes", victim_session, SELF, ""},
    {"environ", "read another's environment", PROCS, victim_secret, SELF, "environ"},
    {"cmdline", "read another's arguments", PROCS, victim_secret, SELF, "cmdline"},
    {"mem", "read another's memory", PROCS, victim_memory, SELF, ""},
    {"maps", "read where another's memory is", PROCS, victim_maps, SELF, "maps"},
    {"smaps", "the same by smaps", PROCS, victim_maps, SELF, "smaps"},
    {"map-files", "list another's mapped files", PROCS, victim_list, SELF, "map_files"},
    {"fd", "list another's descriptors", PROCS, victim_list, SELF, "fd"},
    {"cwd-link", "see where another works", PROCS, victim_link, SELF, "cwd"},
    {"exe-link", "see what another executes", PROCS, victim_link, SELF, "exe", 1},
    {"root-through", "read a file through another's root", PROCS, victim_through, SELF, "root", 1},
    {"cwd-through", "read a file through another's directory", PROCS, victim_through, SELF, "cwd"},
    {"namespaces", "list another's namespaces", PROCS, victim_list, SELF, "ns"},
    {"vm-read", "read another's memory by process_vm_readv", FILTER, vm_read, SELF, ""},
    {"vm-write", "write to it by process_vm_writev", FILTER, vm_write, STATE, "memory-512"},
    {"mem-write", "write to it by /proc", PROCS, victim_write, STATE, "memory-256"},
    {"ptrace-attach", "trace another", FILTER, trace, SELF, "", PTRACE_ATTACH},
    {"ptrace-seize", "trace another without stopping it", FILTER, trace, SELF, "", PTRACE_SEIZE},
    {"ptrace-own", "trace a child of one's own, past its filter on old kernels", FILTER, trace_own_child, SELF, ""},
    {"pidfd-open", "hold on to another by a pidfd", BOTH, open_pidfd, SELF, ""},
    {"pidfd-getfd", "take a descriptor of another", FILTER, steal_descriptor, SELF, "", 0},
    {"process-madvise", "page another's memory out", FILTER, advise, SELF, ""},
    {"process-mrelease", "release another's memory", FILTER, release, SELF, ""},
    {"kcmp", "compare what another has open", FILTER, compare, SELF, ""},
    {"robust-list", "read where another's locks are", BOTH, robust_list, SELF, ""},
    {"move-pages", "see where another's pages lie", FILTER, move_pages_of, SELF, ""},
    {"oom-score", "make the kernel choose another when memory runs out", PROCS, set_oom, STATE, "oom"},
    {"priority", "slow another down by nice", BOTH, set_priority, STATE, "nice-5"},
    {"user-priority", "slow down all processes of the user", BOTH, set_user_priority, STATE, "nice-7"},
    {"affinity", "tie another to one processor", BOTH, set_affinity, STATE, "affinity"},
    {"scheduler", "change how another is scheduled", BOTH, set_scheduler, STATE, "scheduler"},
    {"sched-setattr", "the same by sched_setattr", BOTH, set_attributes, SELF, ""},
    {"io-priority", "slow another's disk down", BOTH, set_io_priority, STATE, "io"},
    {"limits", "lower another's limits", BOTH, set_limit, STATE, "limit"},
    {"see-limits", "see another's limits", BOTH, see_limit, SELF, ""},
    {"join-group", "join another's process group", PROCS, join_group, SELF, ""},
    {"parent-environ", "read the environment of who started us", PROCS, parent_open, SELF, "environ", O_RDONLY},
    {"parent-mem", "open its memory", PROCS, parent_open, SELF, "mem", O_RDONLY},
    {"parent-mem-write", "open its memory to write", PROCS, parent_open, SELF, "mem", O_RDWR},
    {"parent-maps", "read where its memory is", PROCS, parent_open, SELF, "maps", O_RDONLY},
    {"parent-auxv", "read its auxiliary vector", PROCS, parent_open, SELF, "auxv", O_RDONLY},
    {"parent-fd", "list its descriptors", PROCS, parent_fd, SELF, ""},
    {"parent-root", "see its root", PROCS, parent_link, SELF, "root"},
    {"parent-cwd", "see where it works", PROCS, parent_link, SELF, "cwd"},
    {"parent-exe", "see what it executes", PROCS, parent_link, SELF, "exe"},
    {"parent-oom-score", "make the kernel choose it when memory runs out", PROCS, parent_oom, SELF, ""},
    {"parent-ptrace", "trace it", FILTER, parent_traced, SELF, ""},
    {"signal-kill", "signal another by kill", PROCS, by_kill, SIGNAL, "40"},
    {"signal-tgkill", "by tgkill", PROCS, by_tgkill, SIGNAL, "41"},
    {"signal-tkill", "by tkill", PROCS, by_tkill, SIGNAL, "42"},
    {"signal-group", "by its process group", PROCS, by_group, SIGNAL, "43"},
    {"signal-all", "by kill -1, everybody", PROCS, by_all, SIGNAL, "23" /* SIGURG, which nobody dies of */},
    {"signal-queue", "by rt_sigqueueinfo", PROCS, by_queue, SIGNAL, "44"},
    {"signal-thread-queue", "by rt_tgsigqueueinfo", PROCS, by_thread_queue, SIGNAL, "45"},
    {"signal-pidfd", "by a pidfd", PROCS, by_pidfd, SIGNAL, "46"},
    {"signal-owner", "by a pipe that it owns (F_SETOWN)", PROCS, by_owner, SIGNAL, "47"},
    {"signal-timer", "by a timer for its thread", PROCS, by_timer, SIGNAL, "48"},
    {"orphan", "outlive one's box as an orphan", "keeper; own processes", linger, LINGERS, "", 2},
    {"orphan-session", "outlive it in a session of one's own", "keeper; own processes", linger, LINGERS, "", 3},
    {"orphan-deaf", "outlive it deaf to signals", "keeper; own processes", linger, LINGERS, "", 7},
    {"orphan-group", "outlive it in a process group of one's own", "keeper; own processes", linger, LINGERS, "", 0},
};
const size_t processes_count = COUNT(processes_probes);
