# A package made, packed, installed from its archive and from its directory, and run; nothing of it needs a registry.
set -euo pipefail
mkdir tool app
cat >tool/package.json <<'END'
{ "name": "tool", "version": "1.0.0", "main": "index.js", "bin": { "tool": "index.js" }, "scripts": { "install": "echo ran > ran" } }
END
printf '#!/usr/bin/env node\nconsole.log("the tool");\n' >tool/index.js
(cd tool && npm pack --silent >/dev/null)
cat >app/package.json <<'END'
{ "name": "app", "version": "1.0.0", "scripts": { "start": "tool" } }
END
cd app
npm install --offline --no-audit --no-fund --silent ../tool/tool-1.0.0.tgz
[[ $(npm run --silent start) == "the tool" && $(npx --offline tool) == "the tool" ]]
rm -r node_modules
npm ci --offline --no-audit --no-fund --silent
npm install --offline --no-audit --no-fund --silent ../tool
[[ -L node_modules/tool ]]
[[ $(npm run --silent start) == "the tool" ]]
echo done
