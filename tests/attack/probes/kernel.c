/* The kernel's surface: calls that no agent needs and in which the kernel's own mistakes have been found. A call that the kernel looks at
 * counts as reached, whatever it answers: the arguments are such that it answers something else than a filter does. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <unistd.h>
#include "probe.h"

#define FILTER "seccomp"
#define CAPS "capabilities; seccomp"
#define BAD (-1L)

/* Calls that are younger than the C library's headers, by their numbers, which are the same everywhere. */
enum {
    OPEN_TREE = 428, MOVE_MOUNT = 429, FSOPEN = 430, FSCONFIG = 431, FSMOUNT = 432, FSPICK = 433, CLONE3 = 435, MOUNT_SETATTR = 442,
    QUOTACTL_FD = 443, LANDLOCK_CREATE = 444, MEMFD_SECRET = 447, SET_HOME_NODE = 450, MAP_SHADOW_STACK = 453, FUTEX_WAKE = 454, STATMOUNT = 457,
    LISTMOUNT = 458, LSM_GET = 459, LSM_SET = 460, MSEAL = 462, OPEN_TREE_ATTR = 467,
};

/* A call reached the kernel unless it was answered as filters and missing capabilities are. */
static int judged(long result) {
    if (result >= 0) return 0;
    switch (errno) {
    case EPERM: case ENOSYS: case EACCES: case EOPNOTSUPP: return errno;
    default: return 0;
    }
}

static int reach(const struct probe *p) {
    errno = 0;
    return judged(syscall(p->number, p->words[0], p->words[1], p->words[2], p->words[3], p->words[4], p->words[5]));
}

static int control(const struct probe *p) {
    return judged(prctl((int)p->number, p->words[0], p->words[1], p->words[2], p->words[3]));
}

/* As the above, but only a success counts: the call is an ordinary one, its argument is not. */
static int succeed(const struct probe *p) {
    return ended(syscall(p->number, p->words[0], p->words[1], p->words[2], p->words[3], p->words[4], p->words[5]));
}

/* Has a child of a new kind end at once. */
static int cloned(long child) {
    if (child == 0) _exit(0);
    if (child < 0) return errno;
    waitpid((pid_t)child, NULL, 0);
    return 0;
}

static int by_clone(const struct probe *p) {
    return cloned(syscall(SYS_clone, p->number | SIGCHLD, 0, 0, 0, 0));
}

static int by_clone3(const struct probe *p) {
    uint64_t words[11] = {(uint64_t)p->number, [4] = SIGCHLD};
    return cloned(syscall(CLONE3, words, sizeof words));
}

/* The real thing: all capabilities in a user namespace of one's own, and then. */
static int in_namespaces(const struct probe *p) {
    if (unshare((int)(CLONE_NEWUSER | p->number))) return errno;
    switch (p->number) {
    case CLONE_NEWNS: return ended(mount("none", "/", "tmpfs", 0, NULL));
    case CLONE_NEWNET: return ended(syscall(SYS_socket, 17, 3, 0));
    case CLONE_NEWUTS: return ended(sethostname("x", 1));
    default: return ended(chroot(stage.own));
    }
}

static int load_program(const struct probe *p) {
    struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = (uintptr_t)program, .insn_cnt = 2, .license = (uintptr_t)"GPL"};
    return ended(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

static int measure(const struct probe *p) {
    struct perf_event_attr attributes = {.type = (unsigned)p->number, .size = sizeof attributes, .exclude_kernel = 1, .exclude_hv = 1};
    return ended(syscall(SYS_perf_event_open, &attributes, p->words[0] ? (pid_t)stage.pid : 0, -1, -1, 0));
}

static int ring(const struct probe *p) {
    char parameters[120] = "";
    return ended(syscall(SYS_io_uring_setup, 4, parameters));
}

static int fault(const struct probe *p) { return ended(syscall(SYS_userfaultfd, p->number)); }

/* Code in memory that no file has. */
static int memory_file(const struct probe *p) {
    char path[64], block[1 << 16];
    int fd = (int)syscall(SYS_memfd_create, "x", 0), from = open("/proc/self/exe", O_RDONLY);
    if (fd < 0) return errno;
    if (from < 0) from = open(own("battery"), O_RDONLY);
    for (ssize_t length; (length = read(from, block, sizeof block)) > 0;)
        if (write(fd, block, (size_t)length) != length) return errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (p->number) return exec_and_say(path);
    syscall(SYS_execveat, fd, "", (char *const[]){"battery", "say", NULL}, (char *const[]){NULL}, AT_EMPTY_PATH);
    return errno;
}

static int memory_file_sealed(const struct probe *p) { return ended(syscall(SYS_memfd_create, "x", p->number)); }

static int writable_code(const struct probe *p) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | (p->number ? 0 : PROT_EXEC), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    return p->number ? ended(mprotect(memory, 4096, PROT_READ | PROT_EXEC)) : 0;
}

static int zero_page(const struct probe *p) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? errno : 0;
}

static int listen_to_calls(const struct probe *p) {
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, all};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return ended(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

static int terminal(const struct probe *p) {
    char byte = 'x';
    /* A terminal, if we can have one; else the errno says who answered: ENOTTY is the file's own word. */
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    int result = ioctl(fd < 0 ? 0 : fd, (unsigned long)p->number, &byte);
    return p->words[0] ? ended(result) : judged(result);
}

static int descriptor_control(const struct probe *p) {
    int fd = open(own("."), O_RDONLY);
    char room[4096] = "";
    return judged(ioctl(fd, (unsigned long)p->number, room));
}

static int root_again(const struct probe *p) {
    /* Root of a user namespace that the whole stage stands in has nothing to become. */
    if (getuid() == 0 || getgid() == 0) return ABSENT;
    return ended(syscall(p->number, 0, 0, 0));
}

static int raise_capabilities(const struct probe *p) {
    struct { unsigned version; int pid; } header = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } data[2] = {{~0u, ~0u, 0}, {0, 0, 0}};
    return ended(syscall(SYS_capset, &header, data));
}

static int has_capability(const struct probe *p) {
    struct { unsigned version; int pid; } header = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } data[2] = {0};
    if (syscall(SYS_capget, &header, data)) return errno;
    return data[0].permitted | data[1].permitted | data[0].inheritable ? 0 : EPERM;
}

static int bounding_set(const struct probe *p) {
    for (int number = 0; number < 41; number++)
        if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 0;
    return EPERM;
}

static int unlock_dumps(const struct probe *p) {
    unsigned long is = 0;
    return judged(syscall(SYS_prlimit64, getppid(), 4, NULL, &is));
}

#ifdef __x86_64__
static void no_such_way(int number) {
    int answer = ABSENT;
    (void)number;
    if (write(100, &answer, sizeof answer) < 0) _exit(1);
    _exit(0);
}

/* The entry of 32-bit programs, whose numbers mean other calls. */
static int old_entry(const struct probe *p) {
    long result;
    signal(SIGSEGV, no_such_way);
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(p->number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory", "cc");
    return result >= 0 || (result != -EPERM && result != -ENOSYS && result != -EACCES) ? 0 : (int)-result;
}

static int other_numbers(const struct probe *p) { return judged(syscall(0x40000000L | p->number, 0, 0, 0)); }
#endif

#define CALL(name, what, by, nr, ...) {name, what, by, reach, SELF, "", nr, {__VA_ARGS__}}
#define CONTROL(name, what, by, nr, ...) {name, what, by, control, SELF, "", nr, {__VA_ARGS__}}
#define ONLY(name, what, by, nr, ...) {name, what, by, succeed, SELF, "", nr, {__VA_ARGS__}}

const struct probe kernel_probes[] = {
    {"unshare-user", "make a user namespace", FILTER, succeed, SELF, "", SYS_unshare, {CLONE_NEWUSER}},
    {"userns-mount", "mount in namespaces of one's own", FILTER, in_namespaces, SELF, "", CLONE_NEWNS},
    {"userns-packet", "have raw packets in a network of one's own", FILTER, in_namespaces, SELF, "", CLONE_NEWNET},
    {"userns-hostname", "set a host name in namespaces of one's own", FILTER, in_namespaces, SELF, "", CLONE_NEWUTS},
    {"userns-chroot", "chroot in a user namespace of one's own", FILTER, in_namespaces, SELF, "", 0},
    CALL("unshare-files", "unshare what threads share", FILTER, SYS_unshare, CLONE_FILES),
    {"clone-user", "make a user namespace by clone", FILTER, by_clone, SELF, "", CLONE_NEWUSER},
    {"clone-user-mount", "and a mount namespace", FILTER, by_clone, SELF, "", CLONE_NEWUSER | CLONE_NEWNS},
    {"clone-user-net", "and a network namespace", FILTER, by_clone, SELF, "", CLONE_NEWUSER | CLONE_NEWNET},
    {"clone-user-pid", "and a process namespace", FILTER, by_clone, SELF, "", CLONE_NEWUSER | CLONE_NEWPID},
    {"clone-user-ipc", "and an IPC namespace", FILTER, by_clone, SELF, "", CLONE_NEWUSER | CLONE_NEWIPC},
    {"clone-user-uts", "and a host name's", FILTER, by_clone, SELF, "", CLONE_NEWUSER | CLONE_NEWUTS},
    {"clone-user-cgroup", "and a cgroup's", FILTER, by_clone, SELF, "", CLONE_NEWUSER | CLONE_NEWCGROUP},
    {"clone3", "fork by clone3, whose flags no filter sees", FILTER, by_clone3, SELF, "", 0},
    {"clone3-user", "make a user namespace by clone3", FILTER, by_clone3, SELF, "", CLONE_NEWUSER},
    CALL("setns", "enter another's namespace", FILTER, SYS_setns, BAD, 0),
    CALL("mount", "mount", FILTER, SYS_mount, 0, 0, 0, 0, 0),
    CALL("mount-bind", "bind one's own directory elsewhere", CAPS, SYS_mount, (long)"/", (long)"/proc", 0, MS_BIND, 0),
    CALL("umount", "unmount", CAPS, SYS_umount2, 0, 0x40000000),
    CALL("pivot-root", "exchange the root", CAPS, SYS_pivot_root, 0, 0),
    CALL("chroot", "change the root", FILTER, SYS_chroot, 0),
    CALL("fsopen", "open a file system (new interface)", CAPS, FSOPEN, 0, 0),
    CALL("fsconfig", "configure one", FILTER, FSCONFIG, BAD, 0, 0, 0, 0),
    CALL("fsmount", "mount one", CAPS, FSMOUNT, BAD, 0, 0),
    CALL("fspick", "pick one", CAPS, FSPICK, BAD, 0, 0),
    CALL("open-tree", "clone a tree of mounts", FILTER, OPEN_TREE, BAD, 0, 0),
    CALL("open-tree-attr", "the same with attributes", FILTER, OPEN_TREE_ATTR, BAD, 0, 0, 0, 0),
    CALL("move-mount", "move a mount", CAPS, MOVE_MOUNT, BAD, 0, BAD, 0, 0),
    CALL("mount-setattr", "change a mount's attributes", FILTER, MOUNT_SETATTR, BAD, 0, 0, 0, 0),
    CALL("statmount", "look at mounts", FILTER, STATMOUNT, 0, 0, 0, 0),
    CALL("listmount", "list mounts", FILTER, LISTMOUNT, 0, 0, 0, 0),
    CALL("swapon", "swap to a file", CAPS, SYS_swapon, 0, 0),
    CALL("quotactl", "set quotas", FILTER, SYS_quotactl, BAD, 0, 0, 0),
    CALL("quotactl-fd", "the same by a descriptor", FILTER, QUOTACTL_FD, BAD, 0x80000700, 0, 0),
    CALL("acct", "switch accounting on", CAPS, SYS_acct, 0),
    CALL("name-to-handle", "turn a name into a handle", FILTER, SYS_name_to_handle_at, BAD, 0, 0, 0, 0),
    CALL("open-by-handle", "open a handle", CAPS, SYS_open_by_handle_at, BAD, 0, 0),
    CALL("fanotify-init", "watch file systems", FILTER, SYS_fanotify_init, 0x200, 0),
    {"bpf-load", "load a program into the kernel", CAPS, load_program, SELF, ""},
    CALL("bpf-map", "any other command of bpf", CAPS, SYS_bpf, 9999, 0, 0),
    {"perf-software", "measure by the kernel's events", FILTER, measure, SELF, "", PERF_TYPE_SOFTWARE},
    {"perf-of-another", "measure another process", FILTER, measure, SELF, "", PERF_TYPE_SOFTWARE, {1}},
    CALL("perf-event", "any call of perf_event_open", FILTER, SYS_perf_event_open, 0, 0, BAD, BAD, 0),
    {"io-uring", "set an io_uring up, whose operations no filter sees", FILTER, ring, SELF, ""},
    CALL("io-uring-enter", "enter one", FILTER, SYS_io_uring_enter, BAD, 0, 0, 0, 0, 0),
    CALL("io-uring-register", "register with one", FILTER, SYS_io_uring_register, BAD, 0, 0, 0),
    CALL("io-setup", "set the older asynchronous input up", FILTER, SYS_io_setup, 0, 0),
    CALL("io-submit", "submit to it", FILTER, SYS_io_submit, 0, 0, 0),
    {"userfaultfd", "handle the kernel's page faults", FILTER, fault, SELF, "", 0},
    {"userfaultfd-user", "handle one's own page faults", FILTER, fault, SELF, "", 1},
    CALL("add-key", "add a key", FILTER, SYS_add_key, 0, 0, 0, 0, 0),
    CALL("request-key", "request a key", FILTER, SYS_request_key, 0, 0, 0, 0),
    CALL("keyctl", "use keyrings", FILTER, SYS_keyctl, 9999, 0, 0, 0, 0),
    CALL("init-module", "load a kernel module", CAPS, SYS_init_module, 0, 0, 0),
    CALL("finit-module", "the same from a file", CAPS, SYS_finit_module, BAD, 0, 0),
    CALL("delete-module", "unload one", CAPS, SYS_delete_module, 0, 0),
    CALL("kexec-load", "load another kernel", CAPS, SYS_kexec_load, 0, 0, 0, 0),
#ifdef SYS_kexec_file_load
    CALL("kexec-file-load", "the same from a file", CAPS, SYS_kexec_file_load, BAD, BAD, 0, 0, 0),
#endif
    CALL("reboot", "reboot", CAPS, SYS_reboot, 0, 0, 0, 0),
    CALL("syslog", "read the kernel's log", CAPS, SYS_syslog, 3, 0, 0),
    CALL("sethostname", "set the machine's name", CAPS, SYS_sethostname, 0, 70),
    CALL("setdomainname", "set its domain", CAPS, SYS_setdomainname, 0, 70),
    CALL("settimeofday", "set the clock", CAPS, SYS_settimeofday, 1, 0),
    CALL("clock-settime", "set it by clock_settime", FILTER, SYS_clock_settime, 0, 1),
    CALL("adjtimex", "adjust it", FILTER, SYS_adjtimex, 1),
    CALL("clock-adjtime", "adjust it by clock_adjtime", FILTER, SYS_clock_adjtime, 0, 1),
    CALL("vhangup", "hang terminals up", CAPS, SYS_vhangup),
    CALL("lookup-dcookie", "profile by cookies", CAPS, SYS_lookup_dcookie, 0, 0, 0),
    CALL("seccomp", "add filters", FILTER, SYS_seccomp, 9999, 0, 0),
    {"seccomp-listener", "answer system calls for others by a filter", FILTER, listen_to_calls, SELF, ""},
    CALL("landlock", "use Landlock", FILTER, LANDLOCK_CREATE, 0, 1, 0),
    CALL("lsm-set-attr", "set attributes of security modules", FILTER, LSM_SET, 0, 0, 0, 0),
    CALL("lsm-get-attr", "read them", FILTER, LSM_GET, 0, 0, 0, 0),
    CALL("mbind", "bind memory to nodes", FILTER, SYS_mbind, 0, 4096, 9999, 0, 0, 0),
    CALL("set-mempolicy", "choose nodes for memory", FILTER, SYS_set_mempolicy, 9999, 0, 0),
    CALL("migrate-pages", "move pages between nodes", FILTER, SYS_migrate_pages, 0, 0, 0, 0),
    CALL("move-pages", "the same, page by page", FILTER, SYS_move_pages, 0, 1, 0, 0, 0, 9999),
    CALL("set-home-node", "choose a home node", FILTER, SET_HOME_NODE, 1, 0, 0, 0),
    CALL("remap-file-pages", "remap pages of a file", FILTER, SYS_remap_file_pages, 1, 0, 0, 0, 0),
    CALL("vmsplice", "splice memory into a pipe", FILTER, SYS_vmsplice, BAD, 0, 0, 0),
    CALL("process-vm-readv", "read memory of processes", FILTER, SYS_process_vm_readv, 0, 0, 0, 0, 0, 1),
    CALL("pidfd-getfd", "take descriptors", FILTER, 438, BAD, BAD, 1),
    CALL("memfd-secret", "have memory that the kernel does not see", FILTER, MEMFD_SECRET, 9999),
    CALL("map-shadow-stack", "map a shadow stack", FILTER, MAP_SHADOW_STACK, 0, 0, 9999),
    CALL("mseal", "seal memory", FILTER, MSEAL, 1, 0, 9999),
    CALL("futex-wake", "use the newer futexes", FILTER, FUTEX_WAKE, 1, 0, 0, 9999),
    {"memfd-execute", "execute a file that is only in memory", FILTER, memory_file, SELF, "", 1},
    {"memfd-execveat", "the same by execveat", FILTER, memory_file, SELF, "", 0},
    {"memfd-huge", "memory that no limit counts, in huge pages", FILTER, memory_file_sealed, SELF, "", 4},
    {"memfd-noexec", "memory that no limit counts", FILTER, memory_file_sealed, SELF, "", 8},
    {"writable-code", "have memory that is written and executed", "", writable_code, SELF, "", 0},
    {"written-code", "execute what was written to memory", "", writable_code, SELF, "", 1},
    {"zero-page", "map page zero", "mmap_min_addr", zero_page, SELF, ""},
    ONLY("personality-layout", "switch the address space's randomness off", FILTER, SYS_personality, ADDR_NO_RANDOMIZE),
    ONLY("personality-code", "make all memory executable", FILTER, SYS_personality, READ_IMPLIES_EXEC),
    ONLY("personality-zero", "have page zero by a personality", FILTER, SYS_personality, MMAP_PAGE_ZERO),
    CONTROL("prctl-mm", "change where its parts are said to be", CAPS, PR_SET_MM, 9999, 0, 0, 0),
    CONTROL("prctl-ptracer", "let another trace one", FILTER, 0x59616d61, 1, 0, 0, 0),
    CONTROL("prctl-seccomp", "add filters by prctl", FILTER, PR_SET_SECCOMP, 9999, 0, 0, 0),
    CONTROL("prctl-keepcaps", "keep capabilities", FILTER, PR_SET_KEEPCAPS, 0, 0, 0, 0),
    CONTROL("prctl-ambient", "hand capabilities on", FILTER, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 9999, 0, 0),
    CONTROL("prctl-securebits", "set secure bits", CAPS, PR_SET_SECUREBITS, 0, 0, 0, 0),
    CONTROL("prctl-speculation", "switch protection of speculation", FILTER, PR_SET_SPECULATION_CTRL, 9999, 0, 0, 0),
    CONTROL("prctl-sched-core", "share or not share processors", FILTER, 62, 9999, 0, 0, 0),
    CONTROL("prctl-dispatch", "have one's system calls dispatched", FILTER, 59, 9999, 0, 0, 0),
    CONTROL("prctl-tsc", "forbid reading the clock", FILTER, PR_SET_TSC, 9999, 0, 0, 0),
    CONTROL("prctl-io-flusher", "be one that the kernel waits for", CAPS, 57, 1, 0, 0, 0),
    CONTROL("prctl-memory-merge", "have memory merged with others'", FILTER, 67, 1, 0, 0, 0),
    {"tiocsti", "type into a terminal", FILTER, terminal, SELF, "", 0x5412},
    {"tioclinux", "select and paste on a console", FILTER, terminal, SELF, "", 0x541c},
    {"tiocsetd", "put another driver behind a terminal", FILTER, terminal, SELF, "", 0x5423},
    {"tioccons", "take the console's output", "capabilities", terminal, SELF, "", 0x541d, {1}},
    {"ioctl-freeze", "freeze a file system", CAPS, descriptor_control, SELF, "", (long)0xc0045877},
    {"ioctl-fiemap", "see where files lie on the disk", "", descriptor_control, SELF, "", (long)0xc020660b},
    {"setuid-root", "become root by setresuid", "capabilities", root_again, SELF, "", SYS_setresuid},
    {"setgid-root", "have root's group by setresgid", "capabilities", root_again, SELF, "", SYS_setresgid},
    ONLY("setgroups", "leave one's groups", "capabilities", SYS_setgroups, 0, 0),
    {"capset", "raise capabilities", "capabilities", raise_capabilities, SELF, ""},
    {"capabilities", "have a capability", "capabilities", has_capability, SELF, ""},
    {"new-privileges", "have a way to new privileges", "no_new_privs; capabilities", bounding_set, SELF, ""},
    {"prlimit-parent", "look at the limits of who started us", FILTER, unlock_dumps, SELF, ""},
#ifdef __x86_64__
    {"int80", "call by the entry of 32-bit programs", "seccomp, by architecture", old_entry, SELF, "", 20},
    {"int80-mount", "mount by it", "seccomp, by architecture", old_entry, SELF, "", 21},
    {"int80-socketcall", "make sockets by it", "seccomp, by architecture", old_entry, SELF, "", 102},
    {"x32-getpid", "call by the x32 numbers", FILTER, other_numbers, SELF, "", 39},
    {"x32-execve", "execute by them", FILTER, other_numbers, SELF, "", 520},
    {"x32-ptrace", "trace by them", FILTER, other_numbers, SELF, "", 521},
    CALL("modify-ldt", "change segments", FILTER, SYS_modify_ldt, 0, 0, 0),
    CALL("iopl", "reach the ports of devices", CAPS, SYS_iopl, 9),
    CALL("ioperm", "reach one port", CAPS, SYS_ioperm, 70000, 1, 1),
    CALL("uselib", "load a library by the kernel", FILTER, SYS_uselib, 0),
    CALL("ustat", "look at a device", FILTER, SYS_ustat, 0, 0),
    CALL("sysfs", "list file systems", FILTER, SYS_sysfs, 3, 0, 0),
#endif
};
const size_t kernel_count = COUNT(kernel_probes);
