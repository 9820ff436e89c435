/* The battery's commands:
 *   battery list                     every probe as a line of JSON
 *   battery run WORD…                all probes that need no box of their own, each in a child; a line of JSON for each
 *   battery only GROUP/NAME WORD…    one probe
 *   battery witness DIR ID SECRET    the stage (witness.c)
 * WORD is `key=value` of struct stage. Built as a shared object (-DLIBRARY), it runs the probe that ATTACK_PROBE names when the process
 * that it was loaded into ends: as if an attacker had code execution there. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

/* Where a probe's process writes its answer, and what it executes. */
#define ANSWER 100
/* Milliseconds that a probe may take; the slowest take a tenth of it. Whoever uses up what all share may take longer: on a busy machine it
 * must not look as if it had been stopped. */
#define PATIENCE 5000
#define LONG_PATIENCE 30000

struct stage stage;
const struct probe *probing;

#define GROUP(name, alone) extern const struct probe name##_probes[]; extern const size_t name##_count;
#include "groups.h"
#undef GROUP
#define GROUP(name, alone) {#name, name##_probes, 0, alone},
const struct group groups[] = {
#include "groups.h"
};
#undef GROUP
const size_t group_count = COUNT(groups);

static size_t count_of(size_t group) {
    size_t counts[] = {
#define GROUP(name, alone) name##_count,
#include "groups.h"
#undef GROUP
    };
    return counts[group];
}

const char *payload(void) {
    static char text[128];
    snprintf(text, sizeof text, "probe=%s;\n", probing->name);
    return text;
}

const char *at(const char *arg) {
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    size_t length = strlen(arg);
    if (*arg == '/') snprintf(path, sizeof *paths, "%s%s", arg, arg[length - 1] == '-' ? stage.id : "");
    else snprintf(path, sizeof *paths, "%s/%.*s", stage.dir, (int)(length && arg[length - 1] == '/' ? length - 1 : length), arg);
    return path;
}

const char *own(const char *name) {
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof *paths, "%s/%s", stage.own, name);
    return path;
}

int ended(long result) { return result == -1 ? errno : 0; }

int holds_secret(int fd) {
    static char text[1 << 16];
    if (fd < 0) return errno;
    ssize_t length = read(fd, text, sizeof text);
    int error = length < 0 ? errno : ENODATA;
    close(fd);
    return length > 0 && memmem(text, (size_t)length, SECRET, strlen(SECRET)) ? 0 : error;
}

void pause_for(int milliseconds) { poll(NULL, 0, milliseconds); }


int is_secret(const char *text) { return strncmp(text, SECRET, strlen(SECRET)) ? ENODATA : 0; }

int says(int fd) { return fd < 0 ? errno : ended(write(fd, payload(), strlen(payload()))); }

int reap(pid_t child, int milliseconds) {
    int status;
    if (child < 0) return errno;
    for (int waited = 0; waited <= milliseconds; waited += 5) {
        pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child) return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
        if (done < 0) return errno;
        pause_for(5);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return ETIMEDOUT;
}

int exec_and_say(const char *path) {
    char *const words[] = {"battery", "say", NULL};
    execve(path, words, (char *const[]){NULL});
    return errno;
}

static void print(const struct group *group, const struct probe *probe, int answer, int status) {
    char line[512];
    int length = snprintf(line, sizeof line, "{\"probe\":\"%s/%s\",\"answer\":%d,\"signal\":%d}\n", group->name, probe->name, answer,
                          status > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    if (write(1, line, (size_t)length) != length) _exit(1);
}

#ifdef LIBRARY

static const struct group *loaded_in;
static pid_t loaded_by;

#else

/* A probe in a child of its own, in a process group of its own, so that nothing of it is left but what is meant to linger. */
static void run(const struct group *group, const struct probe *probe) {
    int ends[2], answer = UNKNOWN, status = 0;
    int patience = (group->alone ? LONG_PATIENCE : PATIENCE) + (group->alone && stage.watched ? WATCHED_PATIENCE : 0);
    if (pipe(ends)) { perror("pipe"); exit(1); }
    pid_t child = fork();
    if (child < 0) { perror("fork"); exit(1); }
    if (child == 0) {
        setpgid(0, 0);
        close(ends[0]);
        dup2(ends[1], ANSWER);
        close(ends[1]);
        alarm((unsigned)patience / 1000 + 1);
        probing = probe;
        if (chdir(stage.own)) _exit(1);
        answer = probe->attempt(probe);
        if (write(ANSWER, &answer, sizeof answer) != sizeof answer) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    struct pollfd said = {.fd = ends[0], .events = POLLIN};
    if (poll(&said, 1, patience) == 1 && read(ends[0], &answer, sizeof answer) != sizeof answer) answer = UNKNOWN;
    close(ends[0]);
    if (answer != UNKNOWN) kill(child, SIGKILL);
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    print(group, probe, answer, answer == UNKNOWN ? status : 0);
}

#endif

static void set(const char *word) {
    const struct { const char *key; const char **text; long *number; } keys[] = {
        {"dir", &stage.dir, NULL}, {"own", &stage.own, NULL}, {"id", &stage.id, NULL}, {"address", &stage.address, NULL},
        {"pty", &stage.pty, NULL}, {"pid", NULL, &stage.pid}, {"sid", NULL, &stage.sid}, {"group", NULL, &stage.group},
        {"memory", NULL, &stage.memory}, {"tcp", NULL, &stage.tcp}, {"tcp6", NULL, &stage.tcp6}, {"udp", NULL, &stage.udp},
        {"udp6", NULL, &stage.udp6}, {"listens", NULL, &stage.listens}, {"shm", NULL, &stage.shm}, {"sem", NULL, &stage.sem},
        {"msg", NULL, &stage.msg}, {"key", NULL, &stage.key}, {"suid", NULL, &stage.suid},
        {"watched", NULL, &stage.watched},
    };
    const char *value = strchr(word, '=');
    for (size_t i = 0; value && i < COUNT(keys); i++) {
        if (strncmp(word, keys[i].key, (size_t)(value - word)) || strlen(keys[i].key) != (size_t)(value - word)) continue;
        if (keys[i].text) *keys[i].text = value + 1;
        else *keys[i].number = strtol(value + 1, NULL, 10);
    }
}

static const struct probe *find(const char *name, const struct group **found) {
    for (size_t g = 0; g < group_count; g++)
        for (size_t p = 0; p < count_of(g); p++) {
            size_t length = strlen(groups[g].name);
            *found = &groups[g];
            if (!strncmp(name, groups[g].name, length) && name[length] == '/' && !strcmp(name + length + 1, groups[g].probes[p].name))
                return &groups[g].probes[p];
        }
    return NULL;
}

/* The witness asks by this. */
size_t probes_of(size_t group) { return count_of(group); }

#ifdef LIBRARY

__attribute__((constructor)) static void load(void) {
    const char *name = getenv("ATTACK_PROBE"), *words = getenv("ATTACK_STAGE");
    if (!name || !words) return;
    char *rest = strdup(words);
    for (char *word = strtok(rest, " "); word; word = strtok(NULL, " ")) set(word);
    probing = find(name, &loaded_in);
    loaded_by = getpid();
    alarm(LONG_PATIENCE / 1000);
}

/* After main: what the process may do by then is what an attacker in it may. Not in what it forked to try something out. */
__attribute__((destructor)) static void attack(void) {
    /* A role whose filter refuses getpid cannot fork either. */
    pid_t me = getpid();
    if (probing && (me == loaded_by || me < 0)) print(loaded_in, probing, probing->attempt(probing), 0);
}

#else

int main(int count, char **words) {
    /* into FILE …: what is said goes into that file; container engines lose some of what goes through them. */
    if (count > 3 && !strcmp(words[1], "into")) {
        int to = open(words[2], O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
        if (to < 0 || dup2(to, 1) < 0) { perror(words[2]); return 1; }
        close(to);
        words += 2;
        count -= 2;
    }
    const char *command = count > 1 ? words[1] : "";
    if (!strcmp(command, "say")) {
        int answer = 0;
        if (write(ANSWER, &answer, sizeof answer) != sizeof answer) puts("executed");
        return 0;
    }
    if (!strcmp(command, "say-root")) {
        int answer = geteuid() == 0 ? 0 : EPERM;
        if (write(ANSWER, &answer, sizeof answer) != sizeof answer) puts(answer == 0 ? "executed" : "refused");
        return 0;
    }
    if (!strcmp(command, "linger")) return (int)sleep(20);
    /* The fourth word is a secret in the arguments of a process. */
    if (!strcmp(command, "witness") && count == 5) return witness(words[2], words[3]);
    if (!strcmp(command, "list")) {
        const char *judges[] = {"self", "target", "arrived", "signal", "state", "lingers"};
        for (size_t g = 0; g < group_count; g++)
            for (size_t p = 0; p < count_of(g); p++) {
                const struct probe *probe = &groups[g].probes[p];
                printf("{\"group\":\"%s\",\"name\":\"%s\",\"what\":\"%s\",\"stopped_by\":\"%s\",\"judge\":\"%s\",\"alone\":%s}\n",
                       groups[g].name, probe->name, probe->what, probe->stopped_by, judges[probe->judge], groups[g].alone ? "true" : "false");
            }
        return 0;
    }
    int one = !strcmp(command, "only") && count > 2;
    if (!one && strcmp(command, "run")) return fprintf(stderr, "battery: list, run, only or witness\n"), 64;
    for (int i = one ? 3 : 2; i < count; i++) set(words[i]);
    if (one) {
        const struct group *group;
        const struct probe *probe = find(words[2], &group);
        if (!probe) return fprintf(stderr, "battery: there is no probe %s\n", words[2]), 64;
        run(group, probe);
        return 0;
    }
    for (size_t g = 0; g < group_count; g++)
        for (size_t p = 0; p < count_of(g) && !groups[g].alone; p++) run(&groups[g], &groups[g].probes[p]);
    return 0;
}

#endif
