/* What a hostile program tries inside the jail; prints one line an attempt: its name, and errno or 0.
 * Arguments are such that the kernel itself would answer something else than the filter does, or let it pass. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static long result;
#define TRY(name, call)                                        \
    do {                                                       \
        errno = 0;                                             \
        result = (call);                                       \
        printf("%s %d\n", name, result == -1 ? errno : 0);     \
        fflush(stdout);                                        \
    } while (0)

static void sockets(void) {
    struct sockaddr_in somewhere = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    TRY("tcp-bind", bind(tcp, (struct sockaddr *)&here, sizeof here));
    TRY("tcp-listen", listen(socket(AF_INET, SOCK_STREAM, 0), 1));
    TRY("tcp-ulp", setsockopt(tcp, IPPROTO_TCP, 31, "tls", 3));
    struct { unsigned short count; void *filter; } no_filter = {0, NULL};
    TRY("attach-filter", setsockopt(tcp, SOL_SOCKET, SO_ATTACH_FILTER, &no_filter, sizeof no_filter));
    TRY("socket-udplite", socket(AF_INET, SOCK_DGRAM, 136));
    TRY("socket-netlink-audit", socket(AF_NETLINK, SOCK_RAW, 9));
    TRY("socket-bluetooth", socket(31, SOCK_RAW, 0));
    TRY("socket-can", socket(29, SOCK_RAW, 1));
    TRY("socket-udp", socket(AF_INET, SOCK_DGRAM, 0));
    TRY("socket-udp6", socket(AF_INET6, SOCK_DGRAM, 0));
    TRY("socket-icmp", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
    TRY("socket-raw", socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
    TRY("socket-mptcp", socket(AF_INET, SOCK_STREAM, 262));
    TRY("socket-sctp", socket(AF_INET, SOCK_STREAM, 132));
    TRY("socket-netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    TRY("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
    TRY("socket-vsock", socket(40, SOCK_STREAM, 0));
    TRY("socket-alg", socket(38, SOCK_SEQPACKET, 0));
    TRY("sendto-fastopen", sendto(tcp, "x", 1, 0x20000000, (struct sockaddr *)&somewhere, sizeof somewhere));
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {.msg_name = &somewhere, .msg_namelen = sizeof somewhere, .msg_iov = &part, .msg_iovlen = 1};
    struct mmsghdr several = {.msg_hdr = message};
    TRY("sendmsg-fastopen", sendmsg(tcp, &message, 0x20000000));
    TRY("sendmmsg-fastopen", sendmmsg(tcp, &several, 1, 0x20000000));
}

static void others(pid_t other) {
    struct rlimit lower = {16, 16};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    TRY("prlimit64-other", syscall(SYS_prlimit64, other, RLIMIT_NOFILE, &lower, NULL));
    TRY("sched_setaffinity-other", syscall(SYS_sched_setaffinity, other, sizeof one, &one));
    TRY("setpriority-other", syscall(SYS_setpriority, PRIO_PROCESS, other, 19));
    TRY("setpriority-user", syscall(SYS_setpriority, PRIO_USER, 0, 19));
    TRY("ioprio_set-other", syscall(SYS_ioprio_set, 1, other, 3 << 13));
    TRY("ptrace", syscall(SYS_ptrace, 16, other, 0, 0));
    TRY("process_vm_readv", syscall(SYS_process_vm_readv, other, NULL, 0, NULL, 0, 0));
    TRY("kcmp", syscall(SYS_kcmp, getpid(), other, 0, 0, 0));
    TRY("pidfd_getfd", syscall(438, -1, 0, 0));
    TRY("process_vm_writev", syscall(SYS_process_vm_writev, other, NULL, 0, NULL, 0, 0));
    TRY("process_madvise", syscall(440, -1, NULL, 0, 0, 0));
    TRY("process_mrelease", syscall(448, -1, 0));
    TRY("migrate_pages", syscall(SYS_migrate_pages, other, 0, NULL, NULL));
    TRY("move_pages", syscall(SYS_move_pages, other, 0, NULL, NULL, NULL, 0));
    TRY("perf_event_open-other", syscall(SYS_perf_event_open, NULL, other, -1, -1, 0));
}

#ifdef __x86_64__
/* getpid of 32 bits, in a child, since the answer to a call of another architecture is the end of the process. */
static long by_interrupt(void) {
    pid_t child = fork();
    if (child == 0) {
        long number;
        __asm__ volatile("int $0x80" : "=a"(number) : "a"(20) : "memory");
        _exit(number > 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    errno = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? EPERM : 0;
    return errno ? -1 : 0;
}
#endif

static void kernel(void) {
    TRY("clone3", syscall(SYS_clone3, NULL, 0));
    TRY("clone-user-namespace", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    TRY("clone-net-namespace", syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
    TRY("unshare", syscall(SYS_unshare, 0));
    TRY("setns", syscall(SYS_setns, -1, 0));
    TRY("mount", syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    TRY("umount2", syscall(SYS_umount2, NULL, 0));
    TRY("pivot_root", syscall(SYS_pivot_root, NULL, NULL));
    TRY("chroot", syscall(SYS_chroot, NULL));
    TRY("fsopen", syscall(430, NULL, 0));
    TRY("open_tree", syscall(428, -1, "", 0));
    TRY("bpf", syscall(SYS_bpf, 0, NULL, 0));
    TRY("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
    TRY("userfaultfd", syscall(SYS_userfaultfd, ~0));
    TRY("io_uring_setup", syscall(SYS_io_uring_setup, 0, NULL));
    TRY("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    TRY("add_key", syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
    TRY("fanotify_init", syscall(SYS_fanotify_init, ~0, 0));
    TRY("name_to_handle_at", syscall(SYS_name_to_handle_at, -1, "", NULL, NULL, 0));
    TRY("move_mount", syscall(429, -1, "", -1, "", 0));
    TRY("fsconfig", syscall(431, -1, 0, NULL, NULL, 0));
    TRY("fsmount", syscall(432, -1, 0, 0));
    TRY("mount_setattr", syscall(442, -1, "", 0, NULL, 0));
    TRY("delete_module", syscall(SYS_delete_module, NULL, 0));
    TRY("finit_module", syscall(SYS_finit_module, -1, "", 0));
    TRY("kexec_file_load", syscall(320, -1, -1, 0, NULL, 0));
    TRY("swapoff", syscall(SYS_swapoff, NULL));
    TRY("settimeofday", syscall(SYS_settimeofday, (void *)8, NULL));
    TRY("clock_settime", syscall(SYS_clock_settime, 0, (void *)8));
    TRY("adjtimex", syscall(SYS_adjtimex, (void *)8));
    TRY("setdomainname", syscall(SYS_setdomainname, NULL, ~0));
    TRY("vhangup", syscall(SYS_vhangup));
    TRY("request_key", syscall(SYS_request_key, NULL, NULL, NULL, 0));
    TRY("set_mempolicy", syscall(SYS_set_mempolicy, ~0, NULL, 0));
    TRY("prctl-PR_SET_MM", prctl(PR_SET_MM, 0, 0, 0, 0));
    TRY("prctl-PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, ~0, 0, 0, 0));
    TRY("prctl-PR_SET_PTRACER", prctl(0x59616d61, 0, 0, 0, 0));
    TRY("vmsplice", syscall(SYS_vmsplice, -1, NULL, 0, 0));
    /* What only takes away is allowed: SECCOMP_GET_ACTION_AVAIL, and the question for Landlock's version. */
    unsigned int action = 0x7fff0000;
    TRY("own-seccomp", syscall(SYS_seccomp, 2, 0, &action));
    TRY("own-landlock", syscall(444, NULL, 0, 1));
    TRY("futex_waitv", syscall(449, NULL, 0, 0, NULL, 0));
    TRY("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0));
    TRY("init_module", syscall(SYS_init_module, NULL, 0, NULL));
    TRY("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, ~0ul));
    TRY("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
    TRY("swapon", syscall(SYS_swapon, NULL, 0));
    TRY("acct", syscall(SYS_acct, (char *)8));
    TRY("quotactl", syscall(SYS_quotactl, ~0, NULL, 0, NULL));
    TRY("syslog", syscall(SYS_syslog, -1, NULL, 0));
    TRY("sethostname", syscall(SYS_sethostname, NULL, ~0));
    TRY("memfd_create", syscall(SYS_memfd_create, "x", 0));
    TRY("memfd_secret", syscall(SYS_memfd_secret, 0));
    TRY("personality", syscall(SYS_personality, 0x0040000));
    TRY("shmget", syscall(SYS_shmget, 0, 4096, 0600 | 01000));
    TRY("msgget", syscall(SYS_msgget, 0, 0600 | 01000));
    TRY("semget", syscall(SYS_semget, 0, 1, 0600 | 01000));
    TRY("mq_open", syscall(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, NULL));
    TRY("ioctl-TIOCSTI", syscall(SYS_ioctl, -1, 0x5412, "x"));
    TRY("ioctl-TIOCLINUX", syscall(SYS_ioctl, -1, 0x541c, "x"));
    TRY("ioctl-TIOCSETD", syscall(SYS_ioctl, -1, 0x5423, "x"));
    TRY("ioctl-TIOCCONS", syscall(SYS_ioctl, -1, 0x541d, "x"));
    TRY("ioctl-KDSKBENT", syscall(SYS_ioctl, -1, 0x4b47, "x"));
    TRY("ioctl-KDSKBSENT", syscall(SYS_ioctl, -1, 0x4b49, "x"));
    /* The kernel looks at the low half only; a filter that compared all of it would let this pass. */
    TRY("ioctl-TIOCSTI-high-bits", syscall(SYS_ioctl, -1, 0x100005412ul, "x"));
#ifdef __x86_64__
    TRY("x32-getpid", syscall(0x40000000 | SYS_getpid));
    TRY("modify_ldt", syscall(SYS_modify_ldt, ~0, NULL, 0));
    TRY("iopl", syscall(SYS_iopl, 4));
    TRY("ioperm", syscall(SYS_ioperm, 0, 0, 0));
    TRY("int80-getpid", by_interrupt());
#endif
}

static void files(void) {
    TRY("chmod-setuid", fchmodat(AT_FDCWD, "mine", 04755, 0));
    TRY("chmod-setgid", fchmodat(AT_FDCWD, "mine", 02755, 0));
    TRY("fchmod-setuid", fchmod(open("mine", O_RDONLY), 04755));
    TRY("fchmodat2-setuid", syscall(452, AT_FDCWD, "mine", 04755, 0));
    TRY("open-setuid", open("setuid", O_CREAT | O_WRONLY, 04755));
    TRY("open-tmpfile-setuid", open(".", 020000000 | O_DIRECTORY | O_WRONLY, 04755));
#ifdef __x86_64__
    TRY("old-chmod-setuid", syscall(SYS_chmod, "mine", 04755));
    TRY("old-creat-setuid", syscall(SYS_creat, "setuid", 04755));
    TRY("old-open-setuid", syscall(SYS_open, "setuid", O_CREAT | O_WRONLY, 04755));
    TRY("old-mknod-device", syscall(SYS_mknod, "device", S_IFCHR | 0600, 0x103));
#endif
    TRY("mknod-setuid-fifo", mknodat(AT_FDCWD, "fifo", S_IFIFO | 04600, 0));
    TRY("mknod-socket", mknodat(AT_FDCWD, "socket", S_IFSOCK | 0600, 0));
    TRY("mknod-device", mknodat(AT_FDCWD, "device", S_IFCHR | 0600, 0x103));
    TRY("setxattr", syscall(SYS_setxattr, "mine", "user.x", "x", 1, 0));
}

int main(int count, char **words) {
    close(open("mine", O_CREAT | O_WRONLY, 0600));
    sockets();
    others(count > 1 ? atoi(words[1]) : getppid());
    kernel();
    files();
    return 0;
}
