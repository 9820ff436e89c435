# From an empty directory to a merge, with what a working copy is used for in between.
set -euo pipefail
git config --global user.name Ana
git config --global user.email ana@example.org
git config --global init.defaultBranch main
git init -q one
cd one
echo one >file; git add file; git commit -qm one
git checkout -qb side; echo side >other; git add .; git commit -qm side
git checkout -q main; echo two >>file; git commit -qam two
git merge -q -m merged side
[[ $(git log --oneline | wc -l) == 4 && -f other ]]
echo draft >>file; git stash -q; git diff --quiet; git stash pop -q; ! git diff --quiet; git checkout -q file
git worktree add -q ../three side; git worktree remove ../three
git tag v1; git mv file renamed; git commit -qm renamed; git rebase -q HEAD~1
printf '#!/bin/sh\necho hook >hooked\n' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
git commit -q --allow-empty -m hooked; [[ -f hooked ]]
git gc -q; git fsck --no-progress
cd ..
git clone -q one two
git clone -q "file://$PWD/one" four
cd four; echo more >more; git add more; git commit -qm more; git push -q origin HEAD:pushed
[[ $(git -C ../one log --oneline pushed | wc -l) == $(git log --oneline | wc -l) ]]
git grep -q more; git blame more >/dev/null; git archive HEAD | tar t | grep -x more >/dev/null
echo done
