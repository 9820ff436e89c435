/* The witness: holds everything that is to be attacked, and sees from outside what became of it.
 *
 * It is started as the user of the service, before the box. It prints one line, the words for `battery run`, and at the end of its standard
 * input one line for each probe whose effect reached it. */
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

#define PROBES 256
#define POLLED 64
/* Milliseconds between looks at what changes without a word. */
#define TICK 10
/* Numbers of processes that a namespace of its own does not come to, so that ours means nobody there. */
#define SMALL_PID 3000

size_t probes_of(size_t group);

static int seen[16][PROBES];
static struct stat before[16][PROBES];
static volatile sig_atomic_t signals[65];
static struct pollfd polled[POLLED];
static nfds_t polled_count;
static char *memory, *shared_memory;
static mqd_t queue = -1;
static int initial_processors;
static struct stat posix_before;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void each(void (*act)(size_t, size_t, const struct probe *)) {
    for (size_t g = 0; g < group_count; g++)
        for (size_t p = 0; p < probes_of(g); p++) act(g, p, &groups[g].probes[p]);
}

/* Files. */

static void make_parents(const char *path) {
    char part[600];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + strlen(stage.dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(part, 0700);
        *slash = '/';
    }
}

static void put(const char *relative, const char *text, mode_t mode) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", stage.dir, relative);
    make_parents(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) die(path);
    close(fd);
}

static void copy_self(const char *relative) {
    static char block[1 << 16];
    int from = open("/proc/self/exe", O_RDONLY), to;
    put(relative, "", 0755);
    to = open(at(relative), O_WRONLY | O_TRUNC);
    for (ssize_t length; (length = read(from, block, sizeof block)) > 0;)
        if (write(to, block, (size_t)length) != length) die(relative);
    close(from);
    close(to);
}

static void make_target(size_t g, size_t n, const struct probe *p) {
    (void)g; (void)n;
    if (p->judge != TARGET || *p->arg == '/') return;
    char path[600];
    snprintf(path, sizeof path, "%s/%s", stage.dir, p->arg);
    make_parents(path);
    if (path[strlen(path) - 1] == '/') mkdir(path, 0700);
    else if (access(path, F_OK)) put(p->arg, SECRET "\n", 0600);
}

static void remember(size_t g, size_t n, const struct probe *p) {
    if (p->judge == TARGET && lstat(at(p->arg), &before[g][n])) before[g][n].st_ino = 0;
}

static void compare_target(size_t g, size_t n, const struct probe *p) {
    struct stat is = {0}, *was = &before[g][n];
    if (p->judge != TARGET) return;
    if (lstat(at(p->arg), &is)) is.st_ino = 0;
    seen[g][n] = is.st_ino != was->st_ino || is.st_mode != was->st_mode || is.st_size != was->st_size || is.st_nlink != was->st_nlink ||
                 is.st_ctim.tv_sec != was->st_ctim.tv_sec || is.st_ctim.tv_nsec != was->st_ctim.tv_nsec;
    if (*p->arg == '/') unlink(at(p->arg));
}

static void make_files(void) {
    const char *secrets[] = {"workspaces/telegram-2/2.0/diary", "state/token", "state/store/db", ".env", "home/.netrc", "home/.ssh/id_ed25519",
                             "state/homes/telegram-2/login", "outside/attribute"};
    for (size_t i = 0; i < COUNT(secrets); i++) put(secrets[i], SECRET "-of-a-file\n", 0600);
    put("workspaces/telegram-1/2.0/.kiro/steering/words.md", "", 0600);
    each(make_target);
    copy_self("outside/tool");
    copy_self("workspaces/telegram-1/battery");
    if (symlink("/" SECRET, at("outside/link"))) die("outside/link");
    if (mkfifo(at("outside/fifo"), 0600)) die("outside/fifo");
    /* Where the file system has none, the probes find none. */
    setxattr(at("outside/attribute"), "user.victim", "x", 1, 0);
    /* Longer than the kernel's clock of files is coarse: what changes from now on changes its time too. */
    pause_for(20);
    each(remember);
}

/* Sockets. */

static void watch(int fd, const char *what) {
    if (fd < 0) die(what);
    if (polled_count == POLLED) { close(fd); return; }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    polled[polled_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static long serve(int family, int kind) {
    union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; } here = {.any.sa_family = (sa_family_t)family};
    socklen_t length = family == AF_INET ? sizeof here.four : sizeof here.six;
    int on = 1, fd = socket(family, kind, 0);
    if (fd < 0) return 0;
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &here.any, length) || (kind == SOCK_STREAM && listen(fd, 64))) { close(fd); return 0; }
    getsockname(fd, &here.any, &length);
    watch(fd, "socket");
    return ntohs(family == AF_INET ? here.four.sin_port : here.six.sin6_port);
}

static socklen_t local(struct sockaddr_un *to, const char *name) {
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (*name == '@') return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)snprintf(to->sun_path + 1, 100, "%s-%s", stage.id, name + 1));
    snprintf(to->sun_path, sizeof to->sun_path, "%s/%s", stage.dir, name);
    return sizeof *to;
}

static void serve_local(const char *name, int kind) {
    struct sockaddr_un here;
    int fd = socket(AF_UNIX, kind, 0);
    socklen_t length = local(&here, name);
    if (bind(fd, (struct sockaddr *)&here, length) || (kind != SOCK_DGRAM && listen(fd, 16))) die(name);
    watch(fd, name);
}

static void find_address(void) {
    static char address[64] = "";
    struct ifaddrs *all = NULL;
    getifaddrs(&all);
    for (struct ifaddrs *one = all; one && !*address; one = one->ifa_next)
        if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET && strcmp(one->ifa_name, "lo"))
            inet_ntop(AF_INET, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, address, sizeof address);
    stage.address = address;
}

/* A port that is free, and the two after it hopefully too, for servers inside boxes. */
static long free_port(void) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&here, length) || getsockname(fd, (struct sockaddr *)&here, &length)) die("port");
    close(fd);
    return ntohs(here.sin_port);
}

static void make_sockets(void) {
    stage.tcp = serve(AF_INET, SOCK_STREAM);
    stage.tcp6 = serve(AF_INET6, SOCK_STREAM);
    stage.udp = serve(AF_INET, SOCK_DGRAM);
    stage.udp6 = serve(AF_INET6, SOCK_DGRAM);
    stage.listens = free_port();
    serve_local("@stream", SOCK_STREAM);
    serve_local("@sequence", SOCK_SEQPACKET);
    serve_local("@datagram", SOCK_DGRAM);
    serve_local("outside/stream", SOCK_STREAM);
    serve_local("outside/datagram", SOCK_DGRAM);
    watch(open(at("outside/fifo"), O_RDWR), "fifo");
    find_address();
}

/* Reaches what a box may have made reachable. */
static void reach_in(void) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)stage.listens), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)(stage.listens + 1)), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un name;
    socklen_t length = local(&name, "@serve");
    const struct { int family; const struct sockaddr *to; socklen_t length; } all[] = {
        {AF_INET, (struct sockaddr *)&four, sizeof four}, {AF_INET6, (struct sockaddr *)&six, sizeof six}, {AF_UNIX, (struct sockaddr *)&name, length}};
    for (size_t i = 0; i < COUNT(all); i++) {
        int fd = socket(all[i].family, SOCK_STREAM, 0);
        if (fd >= 0 && connect(fd, all[i].to, all[i].length) == 0) watch(fd, "connection");
        else if (fd >= 0) close(fd);
    }
    static int udp = -1;
    if (udp < 0) watch(udp = socket(AF_INET, SOCK_DGRAM, 0), "udp");
    four.sin_port = htons((uint16_t)(stage.listens + 2));
    sendto(udp, "?", 1, MSG_DONTWAIT, (struct sockaddr *)&four, sizeof four);
}

/* IPC, terminal, keys, memory. */

static void make_shared(void) {
    struct { long type; char text[64]; } message = {1, SECRET};
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 256};
    char name[128];
    stage.shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    stage.sem = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
    stage.msg = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (stage.shm < 0 || stage.sem < 0 || stage.msg < 0) die("System V IPC");
    shared_memory = shmat((int)stage.shm, NULL, 0);
    strcpy(shared_memory, SECRET);
    if (msgsnd((int)stage.msg, &message, strlen(message.text) + 1, 0)) die("msgsnd");
    snprintf(name, sizeof name, "/%s", stage.id);
    queue = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attributes);
    if (queue < 0 || mq_send(queue, SECRET, strlen(SECRET) + 1, 1)) die("mq_open");
    snprintf(name, sizeof name, "/dev/shm/%s", stage.id);
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || write(fd, SECRET "\n", strlen(SECRET) + 1) < 0) die(name);
    fstat(fd, &posix_before);
    close(fd);
    stage.key = syscall(SYS_add_key, "user", stage.id, SECRET, strlen(SECRET), -4);
    if (stage.key > 0) syscall(SYS_keyctl, 5 /* KEYCTL_SETPERM */, stage.key, 0x3f3f0000);
}

static void make_terminal(void) {
    static char name[64] = "";
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0;
    stage.pty = name;
    if (fd < 0 || unlockpt(fd) || ptsname_r(fd, name, sizeof name)) return;
    (void)unlock;
    /* Held open, so that what is typed waits for its reader. */
    if (open(name, O_RDWR | O_NOCTTY) < 0 || write(fd, SECRET "\n", strlen(SECRET) + 1) < 0) die("terminal");
    watch(fd, "terminal");
}

static void note(int number) { signals[number] = 1; }

static void make_process(void) {
    cpu_set_t all;
    struct rlimit many = {1024, 1024};
    const int numbers[] = {23, 40, 41, 42, 43, 44, 45, 46, 47, 48};
    for (size_t i = 0; i < COUNT(numbers); i++) sigaction(numbers[i], &(struct sigaction){.sa_handler = note, .sa_flags = SA_RESTART}, NULL);
    setrlimit(RLIMIT_NOFILE, &many);
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(memory, SECRET);
    sched_getaffinity(0, sizeof all, &all);
    initial_processors = CPU_COUNT(&all);
    prctl(PR_SET_DUMPABLE, 1);
    if (chdir(stage.dir)) die(stage.dir);
    stage.memory = (long)memory;
    stage.pid = getpid();
    stage.sid = stage.group = setsid() < 0 ? getsid(0) : getpid();
}

/* What reached us. */

static void arrived(size_t g, size_t n, const struct probe *p) {
    char mark[128];
    snprintf(mark, sizeof mark, "probe=%s;", p->name);
    if (p->judge == ARRIVED && strstr(memory + 1024, mark)) seen[g][n] = 1;
}

/* Told in memory of its own page, since `each` hands nothing over. */
static void hear(const char *text, ssize_t length) {
    if (length <= 0) return;
    if (length > 2048) length = 2048;
    memcpy(memory + 1024, text, (size_t)length);
    memory[1024 + length] = 0;
    each(arrived);
}

static int changed(const char *what) {
    char text[64] = "";
    struct stat is;
    struct rlimit limit;
    cpu_set_t processors;
    struct shmid_ds shm;
    struct msqid_ds msg;
    int fd;
    if (!strcmp(what, "oom")) {
        fd = open("/proc/self/oom_score_adj", O_RDONLY);
        if (fd < 0 || read(fd, text, sizeof text - 1) < 0) die("oom_score_adj");
        close(fd);
        return atoi(text) == 900;
    }
    if (!strcmp(what, "nice-5")) return getpriority(PRIO_PROCESS, 0) == 5;
    if (!strcmp(what, "nice-7")) return getpriority(PRIO_PROCESS, 0) == 7;
    if (!strcmp(what, "affinity")) return !sched_getaffinity(0, sizeof processors, &processors) && CPU_COUNT(&processors) != initial_processors;
    if (!strcmp(what, "scheduler")) return sched_getscheduler(0) == SCHED_BATCH;
    if (!strcmp(what, "io")) return syscall(SYS_ioprio_get, 1, 0) >> 13 == 3;
    if (!strcmp(what, "limit")) return !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_max == 1000;
    if (!strncmp(what, "memory-", 7)) return memory[atoi(what + 7)] != 0;
    if (!strcmp(what, "shm")) return shared_memory[256] != 0;
    if (!strcmp(what, "sem-0")) return semctl((int)stage.sem, 0, GETVAL) > 0;
    if (!strcmp(what, "sem-1")) return semctl((int)stage.sem, 1, GETVAL) > 0;
    if (!strcmp(what, "shm-gone")) return shmctl((int)stage.shm, IPC_STAT, &shm) || shm.shm_perm.mode & SHM_DEST;
    if (!strcmp(what, "sem-gone")) return semctl((int)stage.sem, 0, GETVAL) < 0;
    if (!strcmp(what, "msg-gone")) return msgctl((int)stage.msg, IPC_STAT, &msg) != 0;
    if (!strcmp(what, "posix-shm")) {
        snprintf(text, sizeof text, "/dev/shm/%s", stage.id);
        return stat(text, &is) || is.st_size != posix_before.st_size;
    }
    if (!strcmp(what, "mq-gone")) {
        snprintf(text, sizeof text, "/%s", stage.id);
        mqd_t again = mq_open(text, O_RDONLY);
        if (again >= 0) mq_close(again);
        return again < 0;
    }
    fprintf(stderr, "witness: what is %s?\n", what);
    exit(1);
}

static void look(size_t g, size_t n, const struct probe *p) {
    if (p->judge == STATE && !seen[g][n]) seen[g][n] = changed(p->arg);
    if (p->judge == SIGNAL && signals[atoi(p->arg)]) seen[g][n] = 1;
}

static void look_at_queues(void) {
    struct { long type; char text[256]; } message;
    char text[256];
    ssize_t length = msgrcv((int)stage.msg, &message, sizeof message.text, 2, IPC_NOWAIT);
    if (length > 0) hear(message.text, length);
    /* The first is the secret for whoever can read it. */
    struct mq_attr is;
    if (mq_getattr(queue, &is) == 0 && is.mq_curmsgs > 0) {
        length = mq_receive(queue, text, sizeof text, NULL);
        if (length > 0 && strncmp(text, SECRET, strlen(SECRET))) hear(text, length);
        else if (length > 0) mq_send(queue, SECRET, strlen(SECRET) + 1, 1);
    }
    if (mq_getattr(queue, &is) == 0 && is.mq_curmsgs > 1) {
        /* The secret has the higher priority and comes first: behind it there is more. */
        length = mq_receive(queue, text, sizeof text, NULL);
        while ((length = mq_receive(queue, text, sizeof text, NULL)) > 0) hear(text, length);
        mq_send(queue, SECRET, strlen(SECRET) + 1, 1);
    }
}

/* 0 at the end of the standard input. */
static int hear_all(void) {
    char text[4096];
    if (poll(polled, polled_count, TICK) < 0) return 1;
    for (nfds_t i = 0; i < polled_count; i++) {
        if (!polled[i].revents) continue;
        int listening = 0, with;
        socklen_t length = sizeof listening;
        getsockopt(polled[i].fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
        if (listening) {
            if ((with = accept(polled[i].fd, NULL, NULL)) >= 0) watch(with, "connection");
            continue;
        }
        ssize_t got = read(polled[i].fd, text, sizeof text);
        if (i == 0) return 0;
        hear(text, got);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != EIO)) {
            close(polled[i].fd);
            polled[i--] = polled[--polled_count];
        }
    }
    return 1;
}

static void look_for_lingering(size_t g, size_t n, const struct probe *p) {
    char mark[128], path[300], line[512];
    DIR *all = opendir("/proc");
    if (p->judge != LINGERS || !all) { if (all) closedir(all); return; }
    snprintf(mark, sizeof mark, "%s-%s", stage.id, p->name);
    for (struct dirent *entry; (entry = readdir(all));) {
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        int fd = atoi(entry->d_name) > 0 ? open(path, O_RDONLY) : -1;
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
        if (fd >= 0) close(fd);
        if (length > 0 && memmem(line, (size_t)length, mark, strlen(mark) + 1)) {
            seen[g][n] = 1;
            kill(atoi(entry->d_name), SIGKILL);
        }
    }
    closedir(all);
}

static void tell(size_t g, size_t n, const struct probe *p) {
    if (seen[g][n]) printf("%s/%s\n", groups[g].name, p->name);
}

static void clear_away(void) {
    char name[128];
    shmctl((int)stage.shm, IPC_RMID, NULL);
    semctl((int)stage.sem, 0, IPC_RMID);
    msgctl((int)stage.msg, IPC_RMID, NULL);
    snprintf(name, sizeof name, "/%s", stage.id);
    mq_unlink(name);
    snprintf(name, sizeof name, "/dev/shm/%s", stage.id);
    unlink(name);
    if (stage.key > 0) syscall(SYS_keyctl, 9 /* KEYCTL_UNLINK */, stage.key, -4);
}

static int serve_until_end(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    polled[polled_count++] = (struct pollfd){.fd = 0, .events = POLLIN};
    make_process();
    make_files();
    make_sockets();
    make_shared();
    make_terminal();
    printf("dir=%s own=%s id=%s address=%s pty=%s pid=%ld sid=%ld group=%ld memory=%ld tcp=%ld tcp6=%ld udp=%ld udp6=%ld listens=%ld shm=%ld "
           "sem=%ld msg=%ld key=%ld\n", stage.dir, stage.own, stage.id, stage.address, stage.pty, stage.pid, stage.sid, stage.group, stage.memory,
           stage.tcp, stage.tcp6, stage.udp, stage.udp6, stage.listens, stage.shm, stage.sem, stage.msg, stage.key);
    fflush(stdout);
    while (hear_all()) {
        each(look);
        look_at_queues();
        reach_in();
    }
    each(look);
    each(compare_target);
    each(look_for_lingering);
    each(tell);
    clear_away();
    return 0;
}

int witness(const char *dir, const char *id) {
    static char workspace[512];
    int status = 1;
    snprintf(workspace, sizeof workspace, "%s/workspaces/telegram-1", dir);
    stage.dir = dir;
    stage.own = workspace;
    stage.id = id;
    for (pid_t child = 0; child < SMALL_PID; waitpid(child, NULL, 0)) {
        child = fork();
        if (child == 0) _exit(0);
        if (child < 0) die("fork");
    }
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) exit(serve_until_end());
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
