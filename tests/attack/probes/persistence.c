/* What would still be there when the agent is not: files that others execute, read or trust. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "probe.h"

#define OUT "own view of the files; Landlock"
#define GUARD "read-only mount"
#define PARENT "openat2 by whoever reads it"

static int plant(const struct probe *p) {
    return says(open(at(p->arg), O_WRONLY | O_CREAT | O_APPEND, 0700));
}

static int plant_below(const struct probe *p) {
    char path[600];
    const char *directory = at(p->arg);
    snprintf(path, sizeof path, "%s/planted", directory);
    return says(open(path, O_WRONLY | O_CREAT | O_APPEND, 0700));
}

static int swap_away(const struct probe *p) {
    char aside[600];
    const char *path = at(p->arg);
    snprintf(aside, sizeof aside, "%s-aside", path);
    if (rename(path, aside)) return errno;
    return ended(symlink("/", path));
}

static int make_link(const struct probe *p) {
    unlink(own("link-to-state"));
    return ended(symlink(at("state/token"), own("link-to-state"))) ? errno : p->number ? 0 : 0;
}

static int make_fifo(const struct probe *p) { unlink(own("report.txt")); return ended(mkfifo(own("report.txt"), 0600)); }

static int odd_name(const struct probe *p) {
    close(open(own(p->arg), O_WRONLY | O_CREAT, 0600));
    int answer = ended(access(own(p->arg), F_OK));
    unlink(own(p->arg));
    return answer;
}

static int own_program(const struct probe *p) {
    unlink(own("program"));
    if (link(own("battery"), own("program"))) return errno;
    int error = exec_and_say(own("program"));
    return error;
}

static int own_home(const struct probe *p) {
    char path[600];
    const char *home = getenv("HOME");
    if (!home) return ABSENT;
    snprintf(path, sizeof path, "%s/%s", home, p->arg);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

const struct probe persistence_probes[] = {
    {"bashrc", "add to the service's .bashrc", OUT, plant, TARGET, "home/.bashrc"},
    {"profile", "add to its .profile", OUT, plant, TARGET, "home/.profile"},
    {"authorized-keys", "let oneself in by SSH", OUT, plant, TARGET, "home/.ssh/authorized_keys"},
    {"autostart", "be started with the desktop", OUT, plant_below, TARGET, "home/.config/autostart/"},
    {"user-unit", "be started by systemd for the user", OUT, plant_below, TARGET, "home/.config/systemd/user/"},
    {"gitconfig", "have git execute something", OUT, plant, TARGET, "home/.gitconfig"},
    {"path-program", "put a program into the service's PATH", OUT, plant_below, TARGET, "home/.local/bin/"},
    {"other-hook", "put a git hook into another's repository", OUT, plant_below, TARGET, "workspaces/telegram-2/2.0/.git/hooks/"},
    {"other-agent", "put an agent into another's workspace", OUT, plant_below, TARGET, "workspaces/telegram-2/2.0/.kiro/agents/"},
    {"other-home", "put something into the agent's home of another user", OUT, plant_below, TARGET, "state/homes/telegram-2/agents/"},
    {"templates", "change the templates of all agents", OUT, plant_below, TARGET, "kiro-config/agents/"},
    {"settings", "change the service's settings", OUT, plant, TARGET, "config.json"},
    {"env-file", "change the service's .env", OUT, plant, TARGET, ".env-copy"},
    {"spool", "put a file where the gateway takes files from", OUT, plant_below, TARGET, "state/incoming/"},
    {"run", "put a socket's name where people connect to", OUT, plant_below, TARGET, "state/run/"},
    {"binary", "change the service's program", OUT, plant, TARGET, "outside/program"},
    {"crontab", "be started by cron", OUT, plant, TARGET, "/etc/cron.d/kiroclaw-planted-"},
    {"spool-crontab", "have a crontab", OUT, plant, TARGET, "/var/spool/cron/crontabs/kiroclaw-planted-"},
    {"tmp", "leave something in /tmp", OUT, plant, TARGET, "/tmp/kiroclaw-planted-"},
    {"var-tmp", "leave something in /var/tmp", OUT, plant, TARGET, "/var/tmp/kiroclaw-planted-"},
    {"dev-shm", "leave something in /dev/shm", "own /dev/shm; Landlock", plant, TARGET, "/dev/shm/kiroclaw-planted-"},
    {"run-user", "leave something in /run", OUT, plant, TARGET, "/run/lock/kiroclaw-planted-"},
    {"own-agent", "give oneself tools by an agent in one's own workspace", GUARD, plant_below, TARGET, "workspaces/telegram-1/2.0/.kiro/agents/"},
    {"own-mcp", "give oneself tools by .kiro/mcp.json there", GUARD, plant, TARGET, "workspaces/telegram-1/2.0/.kiro/mcp.json"},
    {"own-kiro-swap", "exchange .kiro there for a link", GUARD, swap_away, TARGET, "workspaces/telegram-1/3.0/.kiro/"},
    {"own-hook", "put a git hook into one's own repository", "", plant_below, TARGET, "workspaces/telegram-1/4.0/.git/hooks/"},
    {"own-program", "make a program and execute it", "", own_program, SELF, ""},
    {"own-home", "add to .bashrc in the agent's own home", "", own_home, SELF, ".bashrc"},
    {"own-link", "make a link to the token for a careless reader", PARENT, make_link, SELF, ""},
    {"own-fifo", "make a FIFO on which a careless reader waits", PARENT, make_fifo, SELF, ""},
    {"odd-newline", "make a name with a line feed in it", PARENT, odd_name, SELF, "a\nb"},
    {"odd-escape", "make a name that moves the cursor", PARENT, odd_name, SELF, "a\033[2Jb"},
    {"odd-bytes", "make a name that is no UTF-8", PARENT, odd_name, SELF, "a\377b"},
    {"odd-option", "make a name that looks like an option", PARENT, odd_name, SELF, "-rf"},
};
const size_t persistence_count = COUNT(persistence_probes);
