# A crate with a build script, built, tested and run. What is given is the directory that cargo is in.
set -euo pipefail
PATH="$2:$PATH"
cargo init -q --vcs none --name work --lib
printf 'fn main() { println!("cargo::rustc-env=MADE=by a build script"); }\n' >build.rs
printf '/// ```\n/// assert_eq!(work::made(), "by a build script");\n/// ```\npub fn made() -> &%sstatic str { env!("MADE") }\n#[test]\nfn works() { let all: Vec<_> = (0..4).map(|n| std::thread::spawn(move || n)).collect(); assert_eq!(all.into_iter().map(|t| t.join().unwrap()).sum::<i32>(), 6); }\n' "'" >src/lib.rs
mkdir src/bin; printf 'fn main() { println!("{}", work::made()); }\n' >src/bin/say.rs
cargo build -q --offline
cargo test -q --offline >tested
[[ $(cargo run -q --offline --bin say) == "by a build script" ]]
echo done
