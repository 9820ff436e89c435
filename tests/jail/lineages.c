/* Starts processes that fork and exit for ever in sessions of their own, then ends with 5. They stop by themselves after 20 s. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    const time_t end = time(NULL) + 20;
    for (int lineage = 0; lineage < 40; lineage++) {
        if (fork() == 0) {
            setsid();
            while (time(NULL) < end) {
                if (fork() != 0) _exit(0);
            }
            _exit(0);
        }
    }
    return 5;
}
