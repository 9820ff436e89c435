/* What lies outside of a jail, asked for by name: prints one line an attempt: its name, and errno or 0.
 * Arguments: a process, an abstract and a pathname Unix socket, a TCP port and a System V queue of the machine. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *name, long result) {
    printf("%s %d\n", name, result == -1 ? errno : 0);
    fflush(stdout);
}

static long unix_connect(const char *name, int abstract) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name);
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, length);
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A server of one's own, and its client, by TCP or UDP. */
static long serve(int type) {
    int server = socket(AF_INET, type, 0), client = socket(AF_INET, type, 0);
    struct sockaddr_in here = loopback(0);
    socklen_t length = sizeof here;
    if (server == -1 || bind(server, (struct sockaddr *)&here, sizeof here) == -1) return -1;
    if (type == SOCK_STREAM && listen(server, 1) == -1) return -1;
    if (getsockname(server, (struct sockaddr *)&here, &length) == -1) return -1;
    if (connect(client, (struct sockaddr *)&here, sizeof here) == -1) return -1;
    return write(client, "x", 1) == 1 ? 0 : -1;
}

int main(int count, char **words) {
    if (count != 6) return 2;
    struct sockaddr_in outside = loopback(atoi(words[4]));
    say("signal", kill(atoi(words[1]), 0));
    say("priority", getpriority(PRIO_PROCESS, atoi(words[1])));
    say("abstract", unix_connect(words[2], 1));
    say("pathname", unix_connect(words[3], 0));
    say("tcp", connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&outside, sizeof outside));
    say("queue", msgget(atoi(words[5]), 0));
    say("own-tcp", serve(SOCK_STREAM));
    say("own-udp", serve(SOCK_DGRAM));
    return 0;
}
