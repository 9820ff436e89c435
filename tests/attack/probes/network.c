/* The network: servers of the machine and beyond, reached by every family and trick, and servers of one's own that others could reach. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include "probe.h"

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

#define NET "own network; Landlock and seccomp"
#define FILTER "seccomp"
#define UNIX_ABSTRACT "own network; Landlock's scope"
#define UNIX_PATH "own view of the files"

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un local;
};

static socklen_t ipv4(union address *to, const char *host, long port) {
    memset(to, 0, sizeof *to);
    to->four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &to->four.sin_addr);
    return sizeof to->four;
}

static socklen_t ipv6(union address *to, const char *host, long port) {
    memset(to, 0, sizeof *to);
    to->six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    inet_pton(AF_INET6, host, &to->six.sin6_addr);
    return sizeof to->six;
}

/* Says the probe's name there, by the ordinary calls. */
static int say(int fd, const union address *to, socklen_t length) {
    if (fd < 0) return errno;
    struct timeval patience = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, &to->any, length)) return errno;
    int answer = write(fd, payload(), strlen(payload())) > 0 ? 0 : errno;
    pause_for(60);
    return answer;
}

/* The same in one datagram. */
static int send_to(int fd, const union address *to, socklen_t length) {
    return fd < 0 ? errno : ended(sendto(fd, payload(), strlen(payload()), 0, &to->any, length));
}

/* The same to whoever connects: the witness, if it can. */
static int answered(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 400) == 1 ? says(accept(fd, NULL, NULL)) : ETIMEDOUT;
}

static int tcp(const struct probe *p) {
    union address to;
    const char *host = *p->arg ? p->arg : stage.address;
    if (!host || !*host) return ABSENT;
    socklen_t length = ipv4(&to, host, stage.tcp);
    return say(socket(AF_INET, SOCK_STREAM, (int)p->number), &to, length);
}

static int tcp6(const struct probe *p) {
    union address to;
    if (!stage.tcp6) return ABSENT;
    socklen_t length = ipv6(&to, p->arg, p->number ? stage.tcp : stage.tcp6);
    return say(socket(AF_INET6, SOCK_STREAM, 0), &to, length);
}

static int udp(const struct probe *p) {
    union address to;
    const char *host = *p->arg ? p->arg : stage.address;
    if (!host || !*host) return ABSENT;
    socklen_t length = ipv4(&to, host, stage.udp);
    return send_to(socket(AF_INET, SOCK_DGRAM, (int)p->number), &to, length);
}

static int udp_messages(const struct probe *p) {
    union address to;
    socklen_t length = ipv4(&to, "127.0.0.1", stage.udp);
    struct iovec part = {(void *)(size_t)payload(), strlen(payload())};
    struct mmsghdr several = {.msg_hdr = {.msg_name = &to, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) return errno;
    return p->number ? ended(sendmmsg(fd, &several, 1, 0)) : ended(sendmsg(fd, &several.msg_hdr, 0));
}

static int udp6(const struct probe *p) {
    union address to;
    if (!stage.udp6) return ABSENT;
    socklen_t length = ipv6(&to, p->arg, stage.udp6);
    return send_to(socket(AF_INET6, SOCK_DGRAM, 0), &to, length);
}

static int fast_open(const struct probe *p) {
    union address to;
    socklen_t length = ipv4(&to, "127.0.0.1", stage.tcp);
    struct iovec part = {(void *)(size_t)payload(), strlen(payload())};
    struct mmsghdr several = {.msg_hdr = {.msg_name = &to, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1}};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    long done = -1;
    if (fd < 0) return errno;
    if (p->number == 0) done = sendto(fd, part.iov_base, part.iov_len, MSG_FASTOPEN, &to.any, length);
    if (p->number == 1) done = sendmsg(fd, &several.msg_hdr, MSG_FASTOPEN);
    if (p->number == 2) done = sendmmsg(fd, &several, 1, MSG_FASTOPEN);
    if (p->number == 3) {
        if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on)) return errno;
        done = connect(fd, &to.any, length) ? -1 : write(fd, payload(), strlen(payload()));
    }
    int answer = ended(done);
    pause_for(60);
    return answer;
}

/* A name that a resolver of the machine would take out of it. */
static int lookup(const struct probe *p) {
    union address to;
    socklen_t length = ipv4(&to, "127.0.0.53", 53);
    int fd = socket(AF_INET, SOCK_STREAM, (int)p->number);
    return fd < 0 ? errno : ended(connect(fd, &to.any, length));
}

/* A family of sockets, or a protocol of one, is reached when the kernel makes one. */
static int family(const struct probe *p) {
    int fd = socket((int)p->number, (int)p->words[0], (int)p->words[1]);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

static int pair(const struct probe *p) {
    int ends[2];
    return ended(socketpair((int)p->number, (int)p->words[0], 0, ends));
}

static int interfaces(const struct probe *p) {
    struct ifreq list[32];
    struct ifconf all = {.ifc_len = sizeof list, .ifc_req = list};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFCONF, &all)) return errno;
    for (size_t i = 0; i < (size_t)all.ifc_len / sizeof *list; i++)
        if (strcmp(list[i].ifr_name, "lo")) return 0;
    return ENODATA;
}

static int interfaces_by_netlink(const struct probe *p) {
    struct { struct nlmsghdr head; struct rtgenmsg body; } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
    static char answer[1 << 16];
    int links = 0, fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (fd < 0) return errno;
    if (send(fd, &ask, sizeof ask, 0) < 0) return errno;
    for (;;) {
        ssize_t got = recv(fd, answer, sizeof answer, 0);
        if (got <= 0) return got < 0 ? errno : ENODATA;
        unsigned length = (unsigned)got;
        for (struct nlmsghdr *at = (struct nlmsghdr *)answer; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length)) {
            if (at->nlmsg_type == NLMSG_DONE || at->nlmsg_type == NLMSG_ERROR) return links > 1 ? 0 : ENODATA;
            links += at->nlmsg_type == RTM_NEWLINK && ((struct ifinfomsg *)NLMSG_DATA(at))->ifi_type != 768 && ((struct ifinfomsg *)NLMSG_DATA(at))->ifi_type != 776;
        }
    }
}

static int sockets_of_machine(const struct probe *p) {
    char line[512], wanted[32];
    FILE *list = fopen(p->arg, "r");
    if (!list) return errno;
    if (p->number) snprintf(wanted, sizeof wanted, ":%04lX ", stage.tcp);
    else snprintf(wanted, sizeof wanted, "%s", stage.id);
    while (fgets(line, sizeof line, list))
        if (strstr(line, wanted)) return 0;
    return ENODATA;
}

/* A server of one's own: the witness tries to reach it from outside. */
static int serve(const struct probe *p) {
    union address here;
    int on = 1, fd = socket((int)p->number, SOCK_STREAM, (int)p->words[0]);
    if (fd < 0) return errno;
    socklen_t length = p->number == AF_INET ? ipv4(&here, "0.0.0.0", stage.listens) : ipv6(&here, "::", stage.listens + 1);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (p->number == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &here.any, length) || listen(fd, 1)) return errno;
    return answered(fd);
}

static int serve_udp(const struct probe *p) {
    union address here;
    char ask[8];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) return errno;
    if (bind(fd, &here.any, ipv4(&here, "0.0.0.0", stage.listens + 2))) return errno;
    struct timeval patience = {0, 400000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    socklen_t length = sizeof here;
    if (recvfrom(fd, ask, sizeof ask, 0, &here.any, &length) < 0) return errno;
    return ended(sendto(fd, payload(), strlen(payload()), 0, &here.any, length));
}

/* Unix sockets of others. */

static socklen_t local(union address *to, const char *name) {
    memset(to, 0, sizeof *to);
    to->local.sun_family = AF_UNIX;
    if (*name == '@') return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
        (size_t)snprintf(to->local.sun_path + 1, sizeof to->local.sun_path - 1, "%s-%s", stage.id, name + 1));
    snprintf(to->local.sun_path, sizeof to->local.sun_path, "%s", at(name));
    return sizeof to->local;
}

static int unix_stream(const struct probe *p) {
    union address to;
    socklen_t length = local(&to, p->arg);
    return say(socket(AF_UNIX, (int)p->number, 0), &to, length);
}

static int unix_datagram(const struct probe *p) {
    union address to;
    socklen_t length = local(&to, p->arg);
    return send_to(socket(AF_UNIX, SOCK_DGRAM, 0), &to, length);
}

static int unix_far(const struct probe *p) {
    /* By a directory's descriptor, past a short name. */
    union address to = {.local = {.sun_family = AF_UNIX}};
    int directory = open(at("outside"), O_PATH | O_DIRECTORY);
    if (directory < 0) return errno;
    snprintf(to.local.sun_path, sizeof to.local.sun_path, "/proc/self/fd/%d/stream", directory);
    return say(socket(AF_UNIX, SOCK_STREAM, 0), &to, sizeof to.local);
}

static int unix_serve(const struct probe *p) {
    union address here;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return errno;
    if (bind(fd, &here.any, local(&here, p->arg)) || listen(fd, 1)) return errno;
    return answered(fd);
}

static int fifo(const struct probe *p) {
    return says(open(at(p->arg), O_WRONLY | O_NONBLOCK));
}

static int service(const struct probe *p) {
    union address to = {.local = {.sun_family = AF_UNIX}};
    snprintf(to.local.sun_path, sizeof to.local.sun_path, "%s", p->arg);
    if (access(p->arg, F_OK)) return errno;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? errno : ended(connect(fd, &to.any, sizeof to.local));
}

/* The way out: what it is asked to reach is the witness, which no policy names. `%ld` is its port. */
static int proxy(const struct probe *p) {
    char ask[512], answer[512] = "", line[256];
    union address to;
    const char *where = getenv("HTTP_PROXY"), *port = where ? strrchr(where, ':') : NULL;
    if (!port) return ABSENT;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, &to.any, ipv4(&to, "127.0.0.1", atol(port + 1)))) return errno;
    snprintf(line, sizeof line, p->arg, stage.tcp);
    const char *body = strstr(p->arg, "CONNECT") ? "" : payload();
    int length = snprintf(ask, sizeof ask, "%s\r\n\r\n%s", line, body);
    struct timeval patience = {3, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (write(fd, ask, (size_t)length) != length || read(fd, answer, sizeof answer - 1) <= 0) return ECONNRESET;
    int open_way = !strncmp(answer + 9, "200", 3);
    if (open_way && write(fd, payload(), strlen(payload())) < 0) return errno;
    pause_for(60);
    return open_way ? 0 : EPERM;
}

#define FAMILY(name, what, number, kind, protocol) {name, what, FILTER, family, SELF, "", number, {kind, protocol}}
#define PROXY(name, what, request) {name, what, "egress", proxy, ARRIVED, request}

const struct probe network_probes[] = {
    {"tcp", "reach a server on the machine's loopback", NET, tcp, ARRIVED, "127.0.0.1"},
    {"tcp-protocol", "the same by naming the protocol", NET, tcp, ARRIVED, "127.0.0.1", IPPROTO_TCP},
    {"tcp-any", "the same by address 0.0.0.0", NET, tcp, ARRIVED, "0.0.0.0"},
    {"tcp-loopback-2", "the same by 127.8.8.8", NET, tcp, ARRIVED, "127.8.8.8"},
    {"tcp-address", "reach the machine by its own address", NET, tcp, ARRIVED, ""},
    {"tcp6", "reach a server on loopback by IPv6", NET, tcp6, ARRIVED, "::1"},
    {"tcp6-mapped", "reach IPv4 by a mapped address", NET, tcp6, ARRIVED, "::ffff:127.0.0.1", 1},
    {"mptcp", "reach it by MPTCP, which Landlock does not see", FILTER, tcp, ARRIVED, "127.0.0.1", 262},
    {"smc", "reach it by SMC over TCP", FILTER, tcp, ARRIVED, "127.0.0.1", 256},
    {"fast-open-sendto", "by TCP fast open (sendto), which Landlock does not see", FILTER, fast_open, ARRIVED, "", 0},
    {"fast-open-sendmsg", "by sendmsg", FILTER, fast_open, ARRIVED, "", 1},
    {"fast-open-sendmmsg", "by sendmmsg", FILTER, fast_open, ARRIVED, "", 2},
    {"fast-open-connect", "by TCP_FASTOPEN_CONNECT", NET, fast_open, ARRIVED, "", 3},
    {"udp", "send a datagram to the machine's loopback", NET, udp, ARRIVED, "127.0.0.1"},
    {"udp-protocol", "the same by naming the protocol", NET, udp, ARRIVED, "127.0.0.1", IPPROTO_UDP},
    {"udp-address", "send one to the machine's own address", NET, udp, ARRIVED, ""},
    {"udp-sendmsg", "send one by sendmsg", NET, udp_messages, ARRIVED, "", 0},
    {"udp-sendmmsg", "send one by sendmmsg", NET, udp_messages, ARRIVED, "", 1},
    {"udp6", "send one by IPv6", NET, udp6, ARRIVED, "::1"},
    {"udplite", "send one by UDP-Lite", FILTER, udp, SELF, "127.0.0.1", IPPROTO_UDPLITE},
    {"local-resolver", "reach the machine's resolver by TCP", NET, lookup, SELF, "", 0},
    {"serve", "be reached by a server of one's own", NET, serve, ARRIVED, "", AF_INET},
    {"serve6", "the same by IPv6", NET, serve, ARRIVED, "", AF_INET6},
    {"serve-udp", "the same by UDP", NET, serve_udp, ARRIVED, ""},
    {"serve-mptcp", "the same by MPTCP", FILTER, serve, ARRIVED, "", AF_INET, {262}},
    {"interfaces", "see the machine's network interfaces", NET, interfaces, SELF, ""},
    {"interfaces-netlink", "the same by netlink", NET, interfaces_by_netlink, SELF, ""},
    {"sockets-tcp", "see the machine's connections", "own network", sockets_of_machine, SELF, "/proc/net/tcp", 1},
    {"sockets-unix", "see the machine's Unix sockets", "own network", sockets_of_machine, SELF, "/proc/net/unix"},
    {"abstract-stream", "reach an abstract Unix socket", UNIX_ABSTRACT, unix_stream, ARRIVED, "@stream", SOCK_STREAM},
    {"abstract-sequence", "reach one that keeps messages apart", UNIX_ABSTRACT, unix_stream, ARRIVED, "@sequence", SOCK_SEQPACKET},
    {"abstract-datagram", "send to an abstract Unix socket", UNIX_ABSTRACT, unix_datagram, ARRIVED, "@datagram"},
    {"abstract-serve", "be reached by an abstract socket of one's own", UNIX_ABSTRACT, unix_serve, ARRIVED, "@serve"},
    {"path-stream", "reach a Unix socket by its path", UNIX_PATH, unix_stream, ARRIVED, "outside/stream", SOCK_STREAM},
    {"path-datagram", "send to one by its path", UNIX_PATH, unix_datagram, ARRIVED, "outside/datagram"},
    {"path-number", "reach one by a directory's number", UNIX_PATH, unix_far, ARRIVED, ""},
    {"fifo", "write to a FIFO by its path", "own view of the files; Landlock", fifo, ARRIVED, "outside/fifo"},
    {"docker-socket", "reach the container engine", UNIX_PATH, service, SELF, "/var/run/docker.sock"},
    {"dbus-socket", "reach the system's bus", UNIX_PATH, service, SELF, "/run/dbus/system_bus_socket"},
    {"systemd-socket", "reach systemd", UNIX_PATH, service, SELF, "/run/systemd/private"},
    {"journal-socket", "write to the journal", UNIX_PATH, service, SELF, "/run/systemd/journal/stdout"},
    FAMILY("icmp", "send ICMP by a ping socket", AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
    FAMILY("icmp6", "the same by IPv6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6),
    FAMILY("raw", "send raw packets", AF_INET, SOCK_RAW, IPPROTO_TCP),
    FAMILY("raw6", "the same by IPv6", AF_INET6, SOCK_RAW, IPPROTO_TCP),
    FAMILY("packet", "see all packets", AF_PACKET, SOCK_RAW, 0),
    FAMILY("packet-datagram", "the same without headers", AF_PACKET, SOCK_DGRAM, 0),
    FAMILY("sctp", "use SCTP", AF_INET, SOCK_STREAM, IPPROTO_SCTP),
    FAMILY("sctp-sequence", "use SCTP, message by message", AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP),
    FAMILY("dccp", "use DCCP", AF_INET, 6, IPPROTO_DCCP),
    FAMILY("mptcp6", "use MPTCP by IPv6", AF_INET6, SOCK_STREAM, 262),
    FAMILY("udplite6", "use UDP-Lite by IPv6", AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE),
    FAMILY("netlink-diag", "ask for all sockets", AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG),
    FAMILY("netlink-generic", "reach the kernel's families by netlink", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC),
    FAMILY("netlink-netfilter", "reach the packet filter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
    FAMILY("netlink-uevent", "hear of devices", AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT),
    FAMILY("netlink-audit", "reach the audit system", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
    FAMILY("netlink-connector", "hear of processes", AF_NETLINK, SOCK_RAW, NETLINK_CONNECTOR),
    FAMILY("netlink-xfrm", "reach IPsec", AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
    FAMILY("netlink-crypto", "reach the kernel's ciphers", AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO),
    FAMILY("alg", "use the kernel's ciphers", 38, SOCK_SEQPACKET, 0),
    FAMILY("vsock", "reach the host of a virtual machine", 40, SOCK_STREAM, 0),
    FAMILY("bluetooth", "use Bluetooth", 31, SOCK_RAW, 1),
    FAMILY("can", "use a CAN bus", 29, SOCK_RAW, 1),
    FAMILY("tipc", "use TIPC", 30, SOCK_STREAM, 0),
    FAMILY("rds", "use RDS", 21, SOCK_SEQPACKET, 0),
    FAMILY("key", "use PF_KEY", 15, SOCK_RAW, 2),
    FAMILY("xdp", "use AF_XDP", 44, SOCK_RAW, 0),
    FAMILY("smc-family", "use AF_SMC", 43, SOCK_STREAM, 0),
    FAMILY("kcm", "use KCM", 41, SOCK_DGRAM, 0),
    FAMILY("qipcrtr", "use QIPCRTR", 42, SOCK_DGRAM, 0),
    FAMILY("nfc", "use NFC", 39, SOCK_SEQPACKET, 0),
    FAMILY("phonet", "use Phonet", 35, SOCK_DGRAM, 0),
    FAMILY("ieee802154", "use IEEE 802.15.4", 36, SOCK_DGRAM, 0),
    FAMILY("rxrpc", "use RxRPC", 33, SOCK_DGRAM, AF_INET),
    FAMILY("pppox", "use PPPoX", 24, SOCK_STREAM, 0),
    FAMILY("llc", "use LLC", 26, SOCK_STREAM, 0),
    FAMILY("x25", "use X.25", 9, SOCK_SEQPACKET, 0),
    FAMILY("ax25", "use AX.25", 3, SOCK_DGRAM, 0),
    FAMILY("appletalk", "use AppleTalk", 5, SOCK_DGRAM, 0),
    FAMILY("mctp", "use MCTP", 45, SOCK_DGRAM, 0),
    {"pair-tipc", "a pair of sockets of another family", FILTER, pair, SELF, "", 30, {SOCK_STREAM}},
    PROXY("proxy-loopback", "have the way out connect to the machine's loopback", "CONNECT 127.0.0.1:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-localhost", "by the name localhost", "CONNECT localhost:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-any", "by 0.0.0.0", "CONNECT 0.0.0.0:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-ipv6", "by ::1", "CONNECT [::1]:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-mapped", "by a mapped address", "CONNECT [::ffff:127.0.0.1]:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-decimal", "by an address in decimal", "CONNECT 2130706433:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-hex", "by an address in hexadecimal", "CONNECT 0x7f000001:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-short", "by a short address", "CONNECT 127.1:%ld HTTP/1.1\r\nHost: x"),
    PROXY("proxy-user", "by an allowed name before an @", "CONNECT example.org@127.0.0.1:%ld HTTP/1.1\r\nHost: example.org"),
    PROXY("proxy-host-header", "by an allowed name as Host", "CONNECT 127.0.0.1:%ld HTTP/1.1\r\nHost: example.org"),
    PROXY("proxy-forward", "by a plain request", "GET http://127.0.0.1:%ld/probe=proxy-forward; HTTP/1.1\r\nHost: example.org"),
    PROXY("proxy-two-requests", "by a second request in the first", "GET http://example.invalid/ HTTP/1.1\r\nHost: example.invalid\r\n\r\nCONNECT 127.0.0.1:%ld HTTP/1.1"),
};
const size_t network_count = COUNT(network_probes);
