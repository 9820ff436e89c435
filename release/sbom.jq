# Makes of what cargo-cyclonedx writes the parts list of a release: no crate that is not compiled ($crates[0] has those that are; 0.5.9 lists
# optional ones that no feature asks for), no path of the machine that it was written on, no one target where it does for both, a time that
# every reader understands, and the compiler ($rustc).
def ours: gsub("path\\+file://[^#]*#(kiroclaw@)?"; "pkg:cargo/kiroclaw@") | sub("\\?download_url=file[^#]*"; "");

(.components |= map(select($crates[0]["\(.name)@\(.version)"])))
| ([.metadata.component, .components[] | {(."bom-ref"): true}] | add) as $known
| .dependencies |= map(select($known[.ref]) | if .dependsOn then .dependsOn |= map(select($known[.])) else . end)
| .metadata.timestamp |= sub("\\.0+Z$"; "Z")
| .metadata.properties |= map(select(.name != "cdx:rustc:sbom:target:triple")) + [{name: "kiroclaw:rustc", value: $rustc}]
| walk(if type == "string" then ours else . end)
