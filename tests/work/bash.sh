# Pipes, subshells, here-documents, process substitution, traps, job control, a terminal.
set -euo pipefail
[[ $(printf 'b\na\nc\n' | sort | tr '\n' ' ') == 'a b c ' ]]
[[ $( (cd /; pwd); pwd ) == "/"$'\n'"$PWD" ]]
cat >lines <<END
$((6 * 7))
END
[[ $(<lines) == 42 ]]
diff <(seq 3) <(printf '%s\n' 1 2 3)
tee >(wc -l >counted) <lines >/dev/null
until [[ -s counted ]]; do :; done
read -r -t 5 first 3<lines </dev/fd/3 && [[ $first == 42 ]]
trap 'caught=yes' USR1
kill -USR1 $$
[[ $caught == yes ]]
coproc CAT { cat; }
echo through >&"${CAT[1]}"
read -r line <&"${CAT[0]}"
[[ $line == through ]]
sleep 0.01 & wait $!
status=0; (ulimit -n 64; exit 3) || status=$?
((status == 3))
find . -name lines -print0 | xargs -0 cat | awk '{ exit $1 != 42 }'
mkdir -p deep/er; cp lines deep/er; tar cf all.tar deep; rm -r deep; tar xf all.tar; ln -s deep link; mv link moved; test -f moved/er/lines
chmod 750 lines; touch -d yesterday lines; test -x lines; mktemp >/dev/null
mkfifo pipe; cat lines >pipe & [[ $(cat pipe) == 42 ]]
ps ax >processes; [[ -s processes ]]
# A terminal of its own needs files of its own.
if [[ $1 == apart ]]; then
    jobs=$(script -qec "bash -ic 'tty; sleep 60 & jobs; kill %1; wait %1; echo ended \$?'" /dev/null)
    [[ $jobs == /dev/pts/*Running*ended\ 143* ]]
fi
echo done
