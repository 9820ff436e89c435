/* Files of others, of the service and of the system: read, seen, changed, made, executed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <linux/fs.h>
#include <unistd.h>
#include <utime.h>
#include "probe.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif
#ifndef SYS_file_setattr
#define SYS_file_setattr 469
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#define OUT "own view of the files; Landlock"
#define VIEW "own view of the files"
#define MODE "own view of the files; seccomp"

/* Reading. */

static int read_secret(const struct probe *p) { return holds_secret(open(at(p->arg), O_RDONLY | O_NONBLOCK)); }

static int read_any(const struct probe *p) {
    char byte;
    int fd = open(at(p->arg), O_RDONLY | O_NONBLOCK);
    if (fd < 0) return errno;
    int answer = read(fd, &byte, 1) == 1 ? 0 : errno ? errno : ENODATA;
    close(fd);
    return answer;
}

static int list_for(const struct probe *p) {
    char path[512];
    snprintf(path, sizeof path, "%s", at(p->arg));
    char *name = strrchr(path, '/');
    *name++ = 0;
    DIR *directory = opendir(path);
    if (!directory) return errno;
    int answer = ENOENT;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (!strcmp(entry->d_name, name)) answer = 0;
    closedir(directory);
    return answer;
}

static int climb(const struct probe *p) {
    char path[512];
    if (chdir(stage.own)) return errno;
    snprintf(path, sizeof path, "../telegram-2/2.0/%s", "diary");
    return holds_secret(open(path, O_RDONLY));
}

static int through_root(const struct probe *p) {
    char path[1024];
    snprintf(path, sizeof path, "/proc/self/root%s", at(p->arg));
    return holds_secret(open(path, O_RDONLY));
}

static int through_symlink(const struct probe *p) {
    unlink(own("lure"));
    if (symlink(at(p->arg), own("lure"))) return errno;
    int answer = holds_secret(open(own("lure"), O_RDONLY));
    unlink(own("lure"));
    return answer;
}

static int through_hard_link(const struct probe *p) {
    unlink(own("hard"));
    if (link(at(p->arg), own("hard"))) return errno;
    int answer = holds_secret(open(own("hard"), O_RDONLY));
    unlink(own("hard"));
    return answer;
}

static int through_handle(const struct probe *p) {
    union { struct file_handle handle; char room[sizeof(struct file_handle) + 128]; } there = {.handle.handle_bytes = 128};
    int mount, from = open(stage.own, O_RDONLY | O_DIRECTORY);
    if (name_to_handle_at(AT_FDCWD, at(p->arg), &there.handle, &mount, 0)) return errno;
    return holds_secret(open_by_handle_at(from, &there.handle, O_RDONLY));
}

static int through_path_descriptor(const struct probe *p) {
    char again[64];
    int fd = open(at(p->arg), O_PATH);
    if (fd < 0) return errno;
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    return holds_secret(open(again, O_RDONLY));
}

static int through_openat2(const struct probe *p) {
    struct { unsigned long long flags, mode, resolve; } how = {.flags = O_RDONLY};
    return holds_secret((int)syscall(SYS_openat2, AT_FDCWD, at(p->arg), &how, sizeof how));
}

static int see(const struct probe *p) {
    struct stat seen;
    return ended(stat(at(p->arg), &seen));
}

static int see_name(const struct probe *p) { return ended(access(at(p->arg), F_OK)); }

static int see_link(const struct probe *p) {
    char to[64];
    ssize_t length = readlink(at(p->arg), to, sizeof to);
    return length < 0 ? errno : memmem(to, (size_t)length, SECRET, strlen(SECRET)) ? 0 : ENODATA;
}

static int see_attribute(const struct probe *p) {
    char value[64];
    return ended(getxattr(at(p->arg), "user.victim", value, sizeof value));
}

static int enter(const struct probe *p) { return ended(chdir(at(p->arg))); }

static int watch(const struct probe *p) {
    int fd = inotify_init1(IN_NONBLOCK);
    return fd < 0 ? errno : ended(inotify_add_watch(fd, at(p->arg), IN_ALL_EVENTS));
}

static int watch_by_fanotify(const struct probe *p) {
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0);
    return fd < 0 ? errno : ended(fanotify_mark(fd, FAN_MARK_ADD, FAN_MODIFY | FAN_OPEN, AT_FDCWD, at(p->arg)));
}

static int execute(const struct probe *p) { return exec_and_say(at(p->arg)); }

static int map_code(const struct probe *p) {
    int fd = open(at(p->arg), O_RDONLY);
    if (fd < 0) return errno;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;
}

static int open_device(const struct probe *p) {
    int fd = open(p->arg, (int)p->number | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

/* Changing: the witness sees whether anything became of it. */

#define OP(name, expression)                                   \
    static int name(const struct probe *p) {                   \
        const char *path = at(p->arg);                         \
        (void)path;                                            \
        return ended(expression);                              \
    }

static long put(const char *path, int flags) {
    int fd = open(path, flags | O_NONBLOCK, 0600);
    if (fd < 0) return -1;
    long done = write(fd, payload(), strlen(payload()));
    close(fd);
    return done;
}

static const char *mine(void) {
    close(open(own("mine"), O_WRONLY | O_CREAT, 0600));
    return own("mine");
}

static const char *in(const char *directory, const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static long bind_at(const char *path) {
    struct sockaddr_un there = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    snprintf(there.sun_path, sizeof there.sun_path, "%s", path);
    return bind(fd, (struct sockaddr *)&there, sizeof there);
}

/* By the number of a descriptor that says only where the file is. */
static const char *by_number(const char *path) {
    static char number[64];
    snprintf(number, sizeof number, "/proc/self/fd/%d", open(path, O_PATH));
    return number;
}

static long set_flags(const char *path) {
    int flags = FS_NODUMP_FL, fd = open(path, O_RDONLY);
    return fd < 0 ? -1 : ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static long set_file_attributes(const char *path) {
    struct { unsigned long long xflags; unsigned extsize, nextents, projid, cowextsize; } to = {.xflags = 0x80};
    return syscall(SYS_file_setattr, AT_FDCWD, path, &to, sizeof to, 0);
}

static long set_attribute_at(const char *path) {
    struct { unsigned long long value; unsigned size, flags; } to = {.value = (unsigned long)"x", .size = 1};
    return syscall(SYS_setxattrat, AT_FDCWD, path, 0, "user.other", &to, sizeof to);
}

static long link_nameless(const char *directory) {
    char number[64];
    int fd = open(stage.own, O_TMPFILE | O_WRONLY, 0600);
    if (fd < 0) return -1;
    snprintf(number, sizeof number, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, number, AT_FDCWD, in(directory, "nameless"), AT_SYMLINK_FOLLOW);
}

static long write_through_symlink(const char *path) {
    unlink(own("way"));
    return symlink(path, own("way")) ? -1 : put(own("way"), O_WRONLY | O_APPEND);
}

static long write_through_root(const char *path) {
    char whole[1024];
    snprintf(whole, sizeof whole, "/proc/self/root%s", path);
    return put(whole, O_WRONLY | O_APPEND);
}

static long touch_number(const char *path) {
    int fd = open(path, O_PATH);
    return fd < 0 ? -1 : utimensat(fd, "", NULL, AT_EMPTY_PATH);
}

OP(do_write, put(path, O_WRONLY))
OP(do_plant, put(path, O_WRONLY | O_CREAT))
OP(do_append, put(path, O_WRONLY | O_APPEND))
OP(do_empty, open(path, O_WRONLY | O_TRUNC))
OP(do_truncate, truncate(path, 3))
OP(do_create, put(in(path, "planted"), O_WRONLY | O_CREAT))
OP(do_unlink, unlink(path))
OP(do_rmdir, rmdir(path))
OP(do_rename_in, rename(path, own("stolen")))
OP(do_rename_over, rename(mine(), path))
OP(do_exchange, renameat2(AT_FDCWD, mine(), AT_FDCWD, path, RENAME_EXCHANGE))
OP(do_link_in, link(path, own("linked")))
OP(do_link_out, link(mine(), in(path, "linked")))
OP(do_link_number, linkat(AT_FDCWD, by_number(path), AT_FDCWD, own("numbered"), AT_SYMLINK_FOLLOW))
OP(do_link_nameless, link_nameless(path))
OP(do_symlink, symlink("/", in(path, "symlink")))
OP(do_mkdir, mkdir(in(path, "made"), 0700))
OP(do_fifo, mkfifo(in(path, "fifo"), 0600))
OP(do_bind, bind_at(in(path, "s")))
OP(do_chmod, chmod(path, 0666))
OP(do_fchmodat, fchmodat(AT_FDCWD, path, 0666, 0))
OP(do_fchmodat2, syscall(SYS_fchmodat2, AT_FDCWD, path, 0666, 0))
OP(do_chmod_number, chmod(by_number(path), 0666))
OP(do_chmod_setuid, chmod(path, 04755))
OP(do_chown, chown(path, (uid_t)-1, getgid()))
OP(do_lchown, lchown(path, getuid(), (gid_t)-1))
OP(do_fchownat, fchownat(AT_FDCWD, path, getuid(), getgid(), 0))
OP(do_utime, utime(path, &(struct utimbuf){1, 1}))
OP(do_utimes, utimes(path, (struct timeval[]){{1, 0}, {1, 0}}))
OP(do_utimensat, utimensat(AT_FDCWD, path, NULL, 0))
OP(do_touch_number, touch_number(path))
OP(do_setxattr, setxattr(path, "user.victim", "x", 1, 0))
OP(do_setxattrat, set_attribute_at(path))
OP(do_removexattr, removexattr(path, "user.victim"))
OP(do_acl, setxattr(path, "system.posix_acl_access", "\2\0\0\0\1\0\7\0\377\377\377\377\4\0\7\0\377\377\377\377\40\0\7\0\377\377\377\377", 28, 0))
OP(do_flags, set_flags(path))
OP(do_setattr, set_file_attributes(path))
OP(do_symlink_write, write_through_symlink(path))
OP(do_root_write, write_through_root(path))

/* One's own files, which may not become more than files. */

static int own_setuid(const struct probe *p) {
    struct stat seen;
    const char *path = own("setuid");
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (p->number == 0) chmod(path, 04755);
    if (p->number == 1) fchmod(fd, 02755);
    if (p->number == 2) fchmodat(AT_FDCWD, path, 04755, 0);
    if (p->number == 3) syscall(SYS_fchmodat2, AT_FDCWD, path, 04755, 0);
    if (p->number == 4) path = own("setuid-4"), close(open(path, O_WRONLY | O_CREAT, 04755));
    if (p->number == 5) path = own("setuid-5"), mknod(path, S_IFREG | 04755, 0);
    int error = stat(path, &seen) ? errno : seen.st_mode & (S_ISUID | S_ISGID) ? 0 : EPERM;
    unlink(path);
    return error;
}

static int device_node(const struct probe *p) {
    int error = ended(mknod(own("node"), (mode_t)p->number | 0600, 0x103));
    unlink(own("node"));
    return error;
}

static int file_capability(const struct probe *p) {
    unsigned capability[5] = {0x02000001, 0xffffffff, 0, 0, 0};
    return ended(setxattr(mine(), "security.capability", capability, sizeof capability, 0));
}

static int become_root(const struct probe *p) {
    if (!stage.suid) return ABSENT;
    char *const words[] = {"battery", "say-root", NULL};
    execve(at(p->arg), words, (char *const[]){NULL});
    return errno;
}

#define T "workspaces/telegram-2/2.0/"
#define O "outside/"

const struct probe files_probes[] = {
    {"diary", "read a file of another user", OUT, read_secret, SELF, T "diary"},
    {"token", "read the bot's token file", OUT, read_secret, SELF, "state/token"},
    {"store", "read the bot's store", OUT, read_secret, SELF, "state/store/db"},
    {"env-file", "read the service's .env", OUT, read_secret, SELF, ".env"},
    {"netrc", "read a password in the service's home", OUT, read_secret, SELF, "home/.netrc"},
    {"ssh-key", "read an SSH key in the service's home", OUT, read_secret, SELF, "home/.ssh/id_ed25519"},
    {"other-home", "read the agent's home of another user", OUT, read_secret, SELF, "state/homes/telegram-2/login"},
    {"shadow", "read /etc/shadow", OUT, read_any, SELF, "/etc/shadow"},
    {"climb", "read by .. from one's own workspace", OUT, climb, SELF, ""},
    {"proc-self-root", "read through /proc/self/root", OUT, through_root, SELF, T "diary"},
    {"symlink-read", "read through a symlink of one's own", OUT, through_symlink, SELF, T "diary"},
    {"hard-link-read", "read through a hard link of one's own", OUT, through_hard_link, SELF, T "diary"},
    {"handle-read", "read by a file handle", "capabilities; seccomp", through_handle, SELF, T "diary"},
    {"path-descriptor", "reopen an O_PATH descriptor to read", OUT, through_path_descriptor, SELF, T "diary"},
    {"openat2-read", "read by openat2", OUT, through_openat2, SELF, T "diary"},
    {"list-workspaces", "see who else has a workspace", OUT, list_for, SELF, "workspaces/telegram-2"},
    {"list-other", "list another user's workspace", OUT, list_for, SELF, T "diary"},
    {"list-state", "list the bot's state", OUT, list_for, SELF, "state/token"},
    {"stat", "see size and times of another user's file", VIEW, see, SELF, T "diary"},
    {"access", "see that a file is there", VIEW, see_name, SELF, "state/token"},
    {"readlink", "read where a link of another leads", VIEW, see_link, SELF, O "link"},
    {"getxattr", "read an extended attribute of another's file", VIEW, see_attribute, SELF, O "attribute"},
    {"chdir", "enter another user's workspace", VIEW, enter, SELF, T "."},
    {"inotify", "watch another user's workspace by inotify", VIEW, watch, SELF, T "."},
    {"fanotify", "watch another user's workspace by fanotify", "seccomp", watch_by_fanotify, SELF, T "."},
    {"execute", "execute a program that was not granted", OUT, execute, SELF, O "tool"},
    {"map-code", "map such a program as code", OUT, map_code, SELF, O "tool"},
    {"write", "write to another user's file", OUT, do_write, TARGET, T "write"},
    {"append", "append to another user's file", OUT, do_append, TARGET, T "append"},
    {"empty", "empty it by O_TRUNC", OUT, do_empty, TARGET, T "empty"},
    {"truncate", "shorten it by truncate", OUT, do_truncate, TARGET, T "truncate"},
    {"create", "make a file in another's directory", OUT, do_create, TARGET, T "create/"},
    {"unlink", "remove another's file", OUT, do_unlink, TARGET, T "unlink"},
    {"rmdir", "remove another's directory", OUT, do_rmdir, TARGET, T "rmdir/"},
    {"rename-in", "move another's file into one's own workspace", OUT, do_rename_in, TARGET, T "rename-in"},
    {"rename-over", "move one's own file over another's", OUT, do_rename_over, TARGET, T "rename-over"},
    {"exchange", "exchange one's own file with another's", OUT, do_exchange, TARGET, T "exchange"},
    {"link-in", "link another's file into one's own workspace", OUT, do_link_in, TARGET, T "link-in"},
    {"link-number", "the same by an O_PATH descriptor", OUT, do_link_number, TARGET, T "link-number"},
    {"link-out", "link one's own file into another's directory", OUT, do_link_out, TARGET, T "link-out/"},
    {"link-nameless", "give an O_TMPFILE a name in another's directory", OUT, do_link_nameless, TARGET, T "link-nameless/"},
    {"symlink-out", "make a symlink in another's directory", OUT, do_symlink, TARGET, T "symlink-out/"},
    {"mkdir-out", "make a directory in another's", OUT, do_mkdir, TARGET, T "mkdir-out/"},
    {"fifo-out", "make a FIFO in another's directory", OUT, do_fifo, TARGET, T "fifo-out/"},
    {"socket-out", "bind a socket in another's directory", OUT, do_bind, TARGET, T "so/"},
    {"symlink-write", "write through a symlink of one's own", OUT, do_symlink_write, TARGET, T "symlink-write"},
    {"root-write", "write through /proc/self/root", OUT, do_root_write, TARGET, T "root-write"},
    {"chmod", "change another file's mode", VIEW, do_chmod, TARGET, O "chmod"},
    {"fchmodat", "the same by fchmodat", VIEW, do_fchmodat, TARGET, O "fchmodat"},
    {"fchmodat2", "the same by fchmodat2", VIEW, do_fchmodat2, TARGET, O "fchmodat2"},
    {"chmod-number", "the same by an O_PATH descriptor", VIEW, do_chmod_number, TARGET, O "chmod-number"},
    {"chmod-setuid", "make another's file setuid", MODE, do_chmod_setuid, TARGET, O "chmod-setuid"},
    {"chown", "change another file's group", VIEW, do_chown, TARGET, O "chown"},
    {"lchown", "change its owner by lchown", VIEW, do_lchown, TARGET, O "lchown"},
    {"fchownat", "change both by fchownat", VIEW, do_fchownat, TARGET, O "fchownat"},
    {"utime", "change another file's times by utime", VIEW, do_utime, TARGET, O "utime"},
    {"utimes", "the same by utimes", VIEW, do_utimes, TARGET, O "utimes"},
    {"utimensat", "the same by utimensat", VIEW, do_utimensat, TARGET, O "utimensat"},
    {"utimensat-number", "the same by an O_PATH descriptor", VIEW, do_touch_number, TARGET, O "utimensat-number"},
    {"setxattr", "set an extended attribute of another's file", MODE, do_setxattr, TARGET, O "setxattr"},
    {"setxattrat", "the same by setxattrat", MODE, do_setxattrat, TARGET, O "setxattrat"},
    {"removexattr", "remove one", MODE, do_removexattr, TARGET, O "attribute"},
    {"acl", "give others rights by an ACL", MODE, do_acl, TARGET, O "acl"},
    {"chattr", "set flags by ioctl", OUT, do_flags, TARGET, O "chattr"},
    {"file-setattr", "the same by file_setattr", MODE, do_setattr, TARGET, O "file-setattr"},
    {"usr-bin", "write to /usr/bin", OUT, do_plant, TARGET, "/usr/bin/kiroclaw-planted-"},
    {"etc", "write to /etc", OUT, do_plant, TARGET, "/etc/kiroclaw-planted-"},
    {"own-chmod-setuid", "make one's own file setuid", "seccomp", own_setuid, SELF, "", 0},
    {"own-fchmod-setgid", "make it setgid by fchmod", "seccomp", own_setuid, SELF, "", 1},
    {"own-fchmodat-setuid", "the same by fchmodat", "seccomp", own_setuid, SELF, "", 2},
    {"own-fchmodat2-setuid", "the same by fchmodat2", "seccomp", own_setuid, SELF, "", 3},
    {"own-open-setuid", "make a setuid file by open", "seccomp", own_setuid, SELF, "", 4},
    {"own-mknod-setuid", "make one by mknod", "seccomp", own_setuid, SELF, "", 5},
    {"own-char-device", "make a character device", "capabilities; seccomp", device_node, SELF, "", S_IFCHR},
    {"own-block-device", "make a block device", "capabilities; seccomp", device_node, SELF, "", S_IFBLK},
    {"own-file-capability", "give a file a capability", "capabilities; seccomp", file_capability, SELF, ""},
    {"setuid-program", "become root by a setuid program", "no_new_privs; own view of the files", become_root, SELF, "outside/setuid"},
    {"dev-mem", "open /dev/mem", OUT, open_device, SELF, "/dev/mem", O_RDWR},
    {"dev-kmsg", "write to the kernel's log", OUT, open_device, SELF, "/dev/kmsg", O_WRONLY},
    {"dev-fuse", "open /dev/fuse", OUT, open_device, SELF, "/dev/fuse", O_RDWR},
    {"dev-kvm", "open /dev/kvm", OUT, open_device, SELF, "/dev/kvm", O_RDWR},
    {"dev-tun", "open /dev/net/tun", OUT, open_device, SELF, "/dev/net/tun", O_RDWR},
    {"dev-vhost-vsock", "open /dev/vhost-vsock", OUT, open_device, SELF, "/dev/vhost-vsock", O_RDWR},
    {"dev-loop-control", "open /dev/loop-control", OUT, open_device, SELF, "/dev/loop-control", O_RDWR},
    {"dev-userfaultfd", "open /dev/userfaultfd", OUT, open_device, SELF, "/dev/userfaultfd", O_RDWR},
    {"dev-ptmx", "make a pseudo terminal, and the line disciplines behind it", OUT, open_device, SELF, "/dev/ptmx", O_RDWR},
    {"core-pattern", "set the program that takes core dumps", OUT, open_device, SELF, "/proc/sys/kernel/core_pattern", O_WRONLY},
    {"sysrq", "press SysRq through /proc", OUT, open_device, SELF, "/proc/sysrq-trigger", O_WRONLY},
    {"uevent-helper", "set the kernel's helper program", OUT, open_device, SELF, "/sys/kernel/uevent_helper", O_WRONLY},
    {"sys-list", "look at the machine's devices in /sys", OUT, list_for, SELF, "/sys/class/net"},
    {"kcore", "read the kernel's memory", OUT, open_device, SELF, "/proc/kcore", O_RDONLY},
    {"kmsg", "read the kernel's log in /proc", OUT, open_device, SELF, "/proc/kmsg", O_RDONLY},
    {"machine-id", "read the machine's identity", OUT, read_any, SELF, "/etc/machine-id"},
    {"var-log", "list the system's logs", OUT, enter, SELF, "/var/log"},
};
const size_t files_count = COUNT(files_probes);
