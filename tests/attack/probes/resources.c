/* Using up what all share. Bounded so that a machine without any limit is not harmed: whoever has all of what is asked for here could have
 * more. Each runs in a box of its own, since the box may be ended by it. */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

#define MIB (1024L * 1024)
#define RLIMIT "resource limit"

/* More than twice of what a jail of the tests has (stage.rs). */
#define PROCESSES 300

/* Milliseconds for which what was taken is held: who watches looks at least once a second. */
#define HOLD 2000

/* The same of files where somebody watches them, who counts them in their own time: until the box is ended for it, or a test would give up. */
#define HOLD_FILES (stage.watched ? WATCHED_PATIENCE : HOLD)

/* Where files go: whoever is ended leaves them behind, and they are tidied away from outside. */
#define TAKEN "taken"

static int processes(const struct probe *p) {
    static pid_t children[PROCESSES];
    int made = 0, error = 0;
    while (made < PROCESSES) {
        children[made] = fork();
        if (children[made] == 0) { pause(); _exit(0); }
        if (children[made] < 0) { error = errno; break; }
        made++;
    }
    if (!error) pause_for(HOLD);
    for (int i = 0; i < made; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < made; i++) waitpid(children[i], NULL, 0);
    return error;
}

static void *wait_for_end(void *nothing) { for (;;) pause(); return nothing; }

static int threads(const struct probe *p) {
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    for (int made = 0; made < PROCESSES; made++) {
        int error = pthread_create(&thread, &small, wait_for_end, NULL);
        if (error) return error;
    }
    pause_for(HOLD);
    return 0;
}

static int descriptors(const struct probe *p) {
    struct rlimit most;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0) { most.rlim_cur = most.rlim_max; setrlimit(RLIMIT_NOFILE, &most); }
    for (int made = 0; made < 2000; made++)
        if (dup(1) < 0) return errno;
    return 0;
}

/* Address space only: nothing of it is touched. */
static int reserve(const struct probe *p) {
    return mmap(NULL, (size_t)(3072 * MIB), PROT_READ | PROT_WRITE, (int)p->number | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED ? errno : 0;
}

static long available(void) {
    char line[128];
    long kib = 0;
    FILE *info = fopen("/proc/meminfo", "r");
    while (info && fgets(line, sizeof line, info)) sscanf(line, "MemAvailable: %ld", &kib);
    if (info) fclose(info);
    return kib / 1024;
}

/* Really used, by several processes, of which each stays within its own limit: 1.25 GiB together. */
static int use_memory(const struct probe *p) {
    int ready[2], count = 0;
    pid_t children[5];
    if (available() < 4096) return ABSENT;
    if (pipe(ready)) return errno;
    for (; count < 5; count++) {
        children[count] = fork();
        if (children[count] < 0) return errno;
        if (children[count] == 0) {
            char *memory = mmap(NULL, (size_t)(256 * MIB), PROT_READ | PROT_WRITE, (int)p->number | MAP_ANONYMOUS, -1, 0);
            if (memory == MAP_FAILED) _exit(1);
            for (long at = 0; at < 256 * MIB; at += 4096) memory[at] = 1;
            if (write(ready[1], "x", 1) != 1) _exit(1);
            pause();
        }
    }
    close(ready[1]);
    char byte;
    int have = 0;
    while (have < count && read(ready[0], &byte, 1) == 1) have++;
    if (have == count) pause_for(HOLD);
    for (int i = 0; i < count; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < count; i++) waitpid(children[i], NULL, 0);
    return have == count ? 0 : ENOMEM;
}

static int large_file(const struct probe *p) {
    signal(SIGXFSZ, SIG_IGN);
    int fd = open(own("large"), O_WRONLY | O_CREAT, 0600);
    int answer = ended(pwrite(fd, "x", 1, 3072 * MIB));
    unlink(own("large"));
    return answer;
}

static int disk(const struct probe *p) {
    char name[32];
    int answer = 0;
    if (mkdir(own(TAKEN), 0700)) return errno;
    for (int i = 0; i < 3 && !answer; i++) {
        snprintf(name, sizeof name, TAKEN "/%d", i);
        answer = ended(fallocate(open(own(name), O_WRONLY | O_CREAT, 0600), 0, 0, 512 * MIB));
    }
    if (!answer) pause_for(HOLD_FILES);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, TAKEN "/%d", i);
        unlink(own(name));
    }
    rmdir(own(TAKEN));
    return answer;
}

static int inodes(const struct probe *p) {
    char name[32];
    int made = 0, error = 0;
    if (mkdir(own(TAKEN), 0700)) return errno;
    for (; made < 1500; made++) {
        snprintf(name, sizeof name, TAKEN "/%d", made);
        int fd = open(own(name), O_WRONLY | O_CREAT, 0600);
        if (fd < 0) { error = errno; break; }
        close(fd);
    }
    if (!error) pause_for(HOLD_FILES);
    for (int i = 0; i < made; i++) {
        snprintf(name, sizeof name, TAKEN "/%d", i);
        unlink(own(name));
    }
    rmdir(own(TAKEN));
    return error;
}

/* A whole path of these is longer than PATH_MAX. */
#define DEPTH 150
#define LEVEL "a-directory-with-a-long-name-within-another"

static int deep(const struct probe *p) {
    int made = 0;
    if (mkdir(own(TAKEN), 0700) || chdir(own(TAKEN))) return errno;
    while (made < DEPTH && mkdir(LEVEL, 0700) == 0 && chdir(LEVEL) == 0) made++;
    if (made == DEPTH) pause_for(HOLD_FILES);
    for (int up = made; up > 0; up--)
        if (chdir("..") || rmdir(LEVEL)) break;
    if (chdir("..") == 0) rmdir(TAKEN);
    return made == DEPTH ? 0 : EPERM;
}

static int fill_shm(const struct probe *p) {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/kiroclaw-fill-%s", stage.id);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0) return errno;
    int answer = ended(fallocate(fd, 0, 0, 256 * MIB));
    unlink(path);
    return answer;
}

static int lock_memory(const struct probe *p) {
    void *memory = mmap(NULL, (size_t)MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return ended(mlock(memory, (size_t)MIB));
}

static int core_dump(const struct probe *p) {
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    return ended(setrlimit(RLIMIT_CORE, &all));
}

static int timers(const struct probe *p) {
    struct sigevent none = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
    timer_t timer;
    for (int made = 0; made < 10000; made++)
        if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &timer)) return errno;
    return 0;
}

static int pending(const struct probe *p) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, 40);
    sigprocmask(SIG_BLOCK, &one, NULL);
    for (int made = 0; made < 10000; made++)
        if (sigqueue(getpid(), 40, (union sigval){0})) return errno;
    return 0;
}

static int pipes(const struct probe *p) {
    int ends[2];
    /* 48 MiB that no limit of a process counts; three quarters of what the kernel gives one user. */
    for (int made = 0; made < 48; made++)
        if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, (int)MIB) < 0) return errno;
    return 0;
}

static int watches(const struct probe *p) {
    int instances = 0;
    while (instances < 120 && inotify_init1(0) >= 0) instances++;
    return instances == 120 ? 0 : errno;
}

static int queues(const struct probe *p) {
    struct mq_attr large = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    char name[32];
    int made = 0, error = 0;
    for (; made < 8; made++) {
        snprintf(name, sizeof name, "/%s-%d", stage.id, made);
        if (mq_open(name, O_RDWR | O_CREAT, 0600, &large) < 0) { error = errno; break; }
    }
    for (int i = 0; i < made; i++) {
        snprintf(name, sizeof name, "/%s-%d", stage.id, i);
        mq_unlink(name);
    }
    return error;
}

static int real_time(const struct probe *p) {
    struct sched_param first = {.sched_priority = 1};
    return ended(sched_setscheduler(0, (int)p->number, &first));
}

static int nicer(const struct probe *p) { return ended(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 5)); }

static int own_oom(const struct probe *p) {
    char is[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDWR);
    if (fd < 0) return errno;
    if (read(fd, is, sizeof is - 1) <= 0) return errno;
    /* Up, and down again to where it was at most. */
    if (write(fd, "999", 3) != 3 || write(fd, is, strlen(is)) < 0) return errno;
    return 0;
}

static int terminals(const struct probe *p) {
    for (int made = 0; made < 100; made++)
        if (open("/dev/ptmx", O_RDWR | O_NOCTTY) < 0) return errno;
    return 0;
}

const struct probe resources_probes[] = {
    {"processes", "have 300 processes at once", "watch over all its processes; resource limit", processes, SELF, ""},
    {"threads", "have 300 threads at once", "watch over all its processes; resource limit", threads, SELF, ""},
    {"descriptors", "have 2,000 descriptors", RLIMIT, descriptors, SELF, ""},
    {"memory-reserved", "reserve 3 GiB of private memory", RLIMIT, reserve, SELF, "", MAP_PRIVATE},
    {"memory-shared", "reserve 3 GiB of shared memory", "", reserve, SELF, "", MAP_SHARED},
    {"memory-used", "use 1.25 GiB in five processes", "watch over all its processes", use_memory, SELF, "", MAP_PRIVATE},
    {"memory-used-shared", "the same as shared memory", "watch over all its processes", use_memory, SELF, "", MAP_SHARED},
    {"file-size", "have a file of 3 GiB", RLIMIT, large_file, SELF, ""},
    {"disk", "have three files of 512 MiB", "watch over its files", disk, SELF, ""},
    {"inodes", "have 1,500 files", "watch over its files", inodes, SELF, ""},
    {"deep", "nest directories deeper than a path can say", "watch over its files", deep, SELF, ""},
    {"dev-shm", "have 256 MiB in /dev/shm", "own /dev/shm; Landlock", fill_shm, SELF, ""},
    {"locked-memory", "lock 1 MiB of memory", RLIMIT, lock_memory, SELF, ""},
    {"core-dump", "leave core dumps", RLIMIT, core_dump, SELF, ""},
    {"timers", "have 10,000 timers", RLIMIT, timers, SELF, ""},
    {"pending-signals", "have 10,000 signals pending", RLIMIT, pending, SELF, ""},
    {"pipes", "have 48 MiB in pipes", "", pipes, SELF, ""},
    {"watches", "have 120 inotify instances, nearly all that a user may have", "", watches, SELF, ""},
    {"queues", "have 640 KiB in POSIX queues", "seccomp", queues, SELF, ""},
    {"real-time", "be scheduled before all others", "capabilities", real_time, SELF, "", SCHED_FIFO},
    {"round-robin", "the same, in turns", "capabilities", real_time, SELF, "", SCHED_RR},
    {"nice", "be preferred by nice", "capabilities", nicer, SELF, ""},
    {"own-oom-score", "be spared when memory runs out", "Landlock", own_oom, SELF, ""},
    {"terminals", "have 100 pseudo terminals", "own view of the files; Landlock", terminals, SELF, ""},
};
const size_t resources_count = COUNT(resources_probes);
