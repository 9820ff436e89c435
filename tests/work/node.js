// Files, threads, children, streams, randomness; a server of its own where there is a network of its own.
const assert = require('assert');
const { once } = require('events');
const fs = require('fs');
const http = require('http');
const { spawn, execFileSync, fork } = require('child_process');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');

async function main() {
    fs.mkdirSync('made/deep', { recursive: true });
    await fs.promises.writeFile('made/deep/file', 'x'.repeat(1e6));
    fs.renameSync('made/deep/file', 'made/file');
    fs.linkSync('made/file', 'made/deep/link');
    fs.renameSync('made/deep', 'moved');
    assert.deepEqual([fs.readdirSync('made'), fs.readdirSync('moved')], [['file'], ['link']]);
    const watcher = fs.watch('made');
    fs.writeFileSync('made/seen', '');
    await once(watcher, 'change');
    watcher.close();
    const workers = [1, 2, 3, 4].map(n => new Worker(__filename, { workerData: n }));
    const squares = await Promise.all(workers.map(async worker => (await once(worker, 'message'))[0]));
    assert.deepEqual(squares, [1, 4, 9, 16]);
    assert.equal(execFileSync('sh', ['-c', 'cat'], { input: 'in' }).toString(), 'in');
    const child = spawn('sleep', ['60']);
    child.kill();
    assert.equal((await once(child, 'exit'))[1], 'SIGTERM');
    const forked = fork(__filename, ['echo']);
    forked.send('word');
    assert.equal((await once(forked, 'message'))[0], 'word');
    forked.disconnect();
    const key = crypto.randomBytes(32);
    assert.equal(crypto.createHmac('sha256', key).update('x').digest('hex').length, 64);
    assert.ok(crypto.generateKeyPairSync('ed25519').publicKey);
    assert.equal(zlib.gunzipSync(zlib.gzipSync('x')).toString(), 'x');
    const server = http.createServer((_, answer) => answer.end('served'));
    server.listen(0, '127.0.0.1');
    if (process.argv[2] !== 'shared') {
        await once(server, 'listening');
        const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
        assert.equal(await answer.text(), 'served');
        server.close();
    } else {
        // Refused by an error that programs know, not by their end.
        assert.ok(['EACCES', 'EPERM'].includes((await once(server, 'error'))[0].code));
    }
    console.log('done');
}

if (!isMainThread) {
    parentPort.postMessage(workerData ** 2);
} else if (process.argv[2] === 'echo') {
    process.on('message', word => process.send(word));
} else {
    main().catch(error => { console.error(error); process.exit(1); });
}
