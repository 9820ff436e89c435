# Two files and a library of C, compiled and linked by make, in parallel.
set -euo pipefail
printf '#include <pthread.h>\n#include <stdio.h>\nint twice(int);\nstatic void *run(void *n) { *(int *)n = twice(21); return 0; }\nint main(void) { int n; pthread_t t; pthread_create(&t, 0, run, &n); pthread_join(t, 0); return printf("%%d\\n", n) < 0; }\n' >main.c
printf 'int twice(int n) { return 2 * n; }\n' >twice.c
printf 'program: main.o libtwice.so\n\tgcc -o $@ main.o -L. -ltwice -Wl,-rpath,. -pthread\nlibtwice.so: twice.c\n\tgcc -O2 -fPIC -shared -o $@ $<\n%%.o: %%.c\n\tgcc -O2 -g -Wall -c -o $@ $<\n' >Makefile
make -s -j2
[[ $(./program) == 42 ]]
gcc -flto -O2 -static-pie -o whole main.c twice.c 2>/dev/null || gcc -O2 -o whole main.c twice.c
[[ $(./whole) == 42 ]]
echo done
