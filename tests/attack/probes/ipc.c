/* What System V, POSIX and the kernel keep for processes to share: of others of the same user. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "probe.h"

#define IPC "own IPC; seccomp"
#define QUEUE "own IPC; seccomp"
#define SHM "own /dev/shm; Landlock"
#define FILTER "seccomp"

struct message { long type; char text[128]; };

static int shm_read(const struct probe *p) {
    const char *memory = shmat((int)stage.shm, NULL, SHM_RDONLY);
    if (memory == (void *)-1) return errno;
    return is_secret(memory);
}

static int shm_write(const struct probe *p) {
    char *memory = shmat((int)stage.shm, NULL, 0);
    if (memory == (void *)-1) return errno;
    strcpy(memory + 256, "changed");
    return 0;
}

static int shm_make(const struct probe *p) {
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id < 0) return errno;
    shmctl(id, IPC_RMID, NULL);
    return 0;
}

static int shm_see(const struct probe *p) {
    struct shmid_ds is;
    return ended(shmctl((int)stage.shm, IPC_STAT, &is)) ? errno : is.shm_cpid == stage.pid ? 0 : ENODATA;
}

static int sem_change(const struct probe *p) {
    struct sembuf up = {0, 5, 0};
    return ended(semop((int)stage.sem, &up, 1));
}

static int sem_set(const struct probe *p) { return ended(semctl((int)stage.sem, 1, SETVAL, 9)); }

static int msg_read(const struct probe *p) {
    struct message got;
    /* Copying leaves it there, if the kernel can; else it is taken. */
    ssize_t length = msgrcv((int)stage.msg, &got, sizeof got.text, 1, IPC_NOWAIT);
    return length < 0 ? errno : is_secret(got.text);
}

static int msg_send(const struct probe *p) {
    struct message put = {.type = 2};
    snprintf(put.text, sizeof put.text, "%s", payload());
    return ended(msgsnd((int)stage.msg, &put, strlen(put.text), IPC_NOWAIT));
}

static int destroy(const struct probe *p) {
    switch (p->number) {
    case 0: return ended(shmctl(p->words[0] ? (int)stage.shm : -1, IPC_RMID, NULL));
    case 1: return ended(semctl((int)stage.sem, 0, IPC_RMID));
    default: return ended(msgctl((int)stage.msg, IPC_RMID, NULL));
    }
}

static const char *queue(void) {
    static char name[64];
    snprintf(name, sizeof name, "/%s", stage.id);
    return name;
}

static int mq_read(const struct probe *p) {
    char text[256] = "";
    mqd_t fd = mq_open(queue(), O_RDONLY | O_NONBLOCK);
    if (fd < 0) return errno;
    return mq_receive(fd, text, sizeof text, NULL) < 0 ? errno : is_secret(text);
}

static int mq_write(const struct probe *p) {
    mqd_t fd = mq_open(queue(), O_WRONLY | O_NONBLOCK);
    return fd < 0 ? errno : ended(mq_send(fd, payload(), strlen(payload()), 0));
}

static int mq_make(const struct probe *p) {
    struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 16};
    mqd_t fd = mq_open("/kiroclaw-own", O_RDWR | O_CREAT, 0600, &small);
    if (fd < 0) return errno;
    mq_unlink("/kiroclaw-own");
    return 0;
}

static int mq_remove(const struct probe *p) { return ended(mq_unlink(queue())); }

static const char *shared(void) {
    static char path[64];
    snprintf(path, sizeof path, "/dev/shm/%s", stage.id);
    return path;
}

static int posix_read(const struct probe *p) { return holds_secret(open(shared(), O_RDONLY)); }

static int posix_write(const struct probe *p) {
    int fd = open(shared(), O_WRONLY | O_APPEND);
    return fd < 0 ? errno : ended(write(fd, "changed", 7));
}

/* The terminal that the witness sits at. */

static int tty_write(const struct probe *p) {
    if (!stage.pty || !*stage.pty) return ABSENT;
    return says(open(stage.pty, O_WRONLY | O_NOCTTY | O_NONBLOCK));
}

static int tty_read(const struct probe *p) {
    char text[256];
    if (!stage.pty || !*stage.pty) return ABSENT;
    int fd = open(stage.pty, O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return errno;
    ssize_t length = read(fd, text, sizeof text);
    return length < 0 ? errno : memmem(text, (size_t)length, SECRET, strlen(SECRET)) ? 0 : ENODATA;
}

static int tty_take(const struct probe *p) {
    if (!stage.pty || !*stage.pty) return ABSENT;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        int fd = open(stage.pty, O_RDWR | O_NOCTTY | O_NONBLOCK);
        _exit(fd < 0 ? errno : ended(ioctl(fd, TIOCSCTTY, 0)));
    }
    return reap(child, 500);
}

/* Keys of the user's keyring. */

static int key_read(const struct probe *p) {
    char text[256] = "";
    if (stage.key <= 0) return ABSENT;
    return syscall(SYS_keyctl, 11 /* KEYCTL_READ */, stage.key, text, sizeof text) < 0 ? errno : is_secret(text);
}

static int key_search(const struct probe *p) {
    char text[256] = "";
    if (stage.key <= 0) return ABSENT;
    long key = syscall(SYS_keyctl, 10 /* KEYCTL_SEARCH */, -4 /* the user's keyring */, "user", stage.id, 0);
    if (key < 0) return errno;
    return syscall(SYS_keyctl, 11, key, text, sizeof text) < 0 ? errno : is_secret(text);
}

static int key_add(const struct probe *p) {
    return ended(syscall(SYS_add_key, "user", "kiroclaw-own", "x", 1, -1 /* the thread's keyring */));
}

static int key_session(const struct probe *p) { return ended(syscall(SYS_keyctl, 1 /* join a session */, NULL)); }

const struct probe ipc_probes[] = {
    {"shm-read", "read another's System V memory", IPC, shm_read, SELF, ""},
    {"shm-write", "write to it", IPC, shm_write, STATE, "shm"},
    {"shm-see", "see whose it is", IPC, shm_see, SELF, ""},
    {"shm-make", "have memory that outlives its maker", FILTER, shm_make, SELF, ""},
    {"sem-change", "change another's semaphore", IPC, sem_change, STATE, "sem-0"},
    {"sem-set", "set one", IPC, sem_set, STATE, "sem-1"},
    {"msg-read", "read another's message", IPC, msg_read, SELF, ""},
    {"msg-send", "send another a message", IPC, msg_send, ARRIVED, ""},
    {"mq-read", "read a POSIX queue", QUEUE, mq_read, SELF, ""},
    {"mq-write", "write to one", QUEUE, mq_write, ARRIVED, ""},
    {"mq-make", "have a queue, whose memory no limit of ours counts", FILTER, mq_make, SELF, ""},
    {"posix-shm-read", "read another's POSIX memory", SHM, posix_read, SELF, ""},
    {"posix-shm-write", "write to it", SHM, posix_write, STATE, "posix-shm"},
    {"tty-write", "write to another's terminal", "own view of the files; Landlock", tty_write, ARRIVED, ""},
    {"tty-read", "read what is typed there", "own view of the files; Landlock", tty_read, SELF, ""},
    {"tty-take", "make it one's own terminal", "own view of the files; Landlock", tty_take, SELF, ""},
    {"key-read", "read a key of the user", FILTER, key_read, SELF, ""},
    {"key-search", "find one in the user's keyring", FILTER, key_search, SELF, ""},
    {"key-add", "keep something in a keyring", FILTER, key_add, SELF, ""},
    {"key-session", "join a session keyring", FILTER, key_session, SELF, ""},
    {"shm-destroy", "destroy another's memory", IPC, destroy, STATE, "shm-gone", 0, {1}},
    {"sem-destroy", "destroy its semaphores", IPC, destroy, STATE, "sem-gone", 1},
    {"msg-destroy", "destroy its queue", IPC, destroy, STATE, "msg-gone", 2},
    {"mq-destroy", "destroy its POSIX queue", QUEUE, mq_remove, STATE, "mq-gone"},
};
const size_t ipc_count = COUNT(ipc_probes);
