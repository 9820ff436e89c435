# A search through many files, by several threads.
set -euo pipefail
mkdir -p many/{a,b,c}
for n in $(seq 200); do echo "hay $n" >"many/a/$n"; done
echo needle >many/b/found
[[ $(rg --threads 4 -l needle many) == many/b/found ]]
[[ $(rg -c 'hay 1\d\d$' many | wc -l) == 100 && $(rg --files many | wc -l) == 201 ]]
echo done
