/* The attack battery: what a hostile program tries, each try a probe of its own.
 *
 * A probe says whether its *effect* was had, not whether a call answered 0. What only somebody outside can see (a file that changed, a
 * message that arrived, a signal) is judged by the witness, which is this program too (witness.c): it holds everything that is to be
 * attacked, and says at the end what reached it. */
#ifndef PROBE_H
#define PROBE_H

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

/* What a probe answers beside 0 (it had its effect) and an errno (it was refused). */
#define ABSENT (-1)    /* the stage has nothing of the kind, so nothing was tried */
#define UNKNOWN (-2)   /* the probe's process ended without an answer */

/* What every secret on the stage begins with. */
#define SECRET "kiroclaw-victim-secret"

/* Who says whether a probe had its effect. */
enum judge {
    SELF,    /* the probe: it saw the secret, or has what it wanted */
    TARGET,  /* the witness: `arg` is a path below the stage that changed, or that is there and should not be */
    ARRIVED, /* the witness: the probe's name reached it, by a socket, a queue or a terminal */
    SIGNAL,  /* the witness: signal number `arg` reached it */
    STATE,   /* the witness: that property of its process or of its IPC objects changed */
    LINGERS, /* the witness: a process is there after its box has ended */
};

/* Milliseconds for which a probe waits to be ended by who watches. */
#define WATCHED_PATIENCE 240000

struct probe {
    const char *name, *what, *stopped_by;
    int (*attempt)(const struct probe *);
    enum judge judge;
    const char *arg;
    long number;  /* of a system call, a family, a flag */
    long words[6];
};

struct group {
    const char *name;
    const struct probe *probes;
    size_t count;
    int alone; /* each has to run in a box of its own, since the box may end by it */
};

extern const struct group groups[];
extern const size_t group_count;

/* Where everything is; given as words `key=value` by the witness. */
struct stage {
    const char *dir, *own, *id, *address, *pty;
    long pid, sid, group, memory, tcp, tcp6, udp, udp6, listens, shm, sem, msg, key, suid;
    long watched; /* whether somebody counts the files of one's own */
};
extern struct stage stage;

/* The probe that is running; what it sends is `probe=NAME;`. */
extern const struct probe *probing;
const char *payload(void);

/* The path that `arg` means: below the stage; with a leading `/`, outside of it, and then with
 * the stage's id at its end if `arg` ends with `-`. */
const char *at(const char *arg);
/* A path in the workspace of one's own, which every box may write to. */
const char *own(const char *name);

/* 0 where the call succeeded, else errno. */
int ended(long result);
/* 0 where the first bytes of `fd` hold the secret; closes it. */
int holds_secret(int fd);
/* 0 where `text` begins as secrets do, else ENODATA. */
int is_secret(const char *text);
/* 0 where the probe's name could be written to `fd`, else errno, that of opening it too. */
int says(int fd);
/* Waits for `child`, at most `milliseconds`; 0 if it exited with 0, else errno-like. */
int reap(pid_t child, int milliseconds);
/* Executes this very program, so that it says that the probe had its effect. Comes back with errno. */
int exec_and_say(const char *path);
void pause_for(int milliseconds);

/* witness.c */
int witness(const char *dir, const char *id);

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
