//! Lines out, and the answers that turns wait for.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// Stdout and the requests that await an answer. Shared by all turns.
#[derive(Default)]
pub(crate) struct Wire {
    out: Mutex<()>,
    awaited: Mutex<HashMap<String, Sender<Value>>>,
}

/// A lock whose holder panicked is a bug of the stand-in that the panic has already reported.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    /// Bytes as they are. A client that closed our stdout ends us.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        let _guard = lock(&self.out);
        let mut stdout = io::stdout().lock();
        if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// One message as one line.
    pub(crate) fn send(&self, message: &Value) {
        let mut line = message.to_string();
        line.push('\n');
        self.raw(line.as_bytes());
    }

    pub(crate) fn reply(&self, id: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    pub(crate) fn refuse(&self, id: &Value, code: i64, message: &str, data: Option<&str>) {
        let mut error = json!({"code": code, "message": message});
        if let Some(data) = data {
            error["data"] = json!(data);
        }
        self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
    }

    pub(crate) fn notify(&self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    pub(crate) fn update(&self, session: &str, update: Value) {
        self.notify("session/update", json!({"sessionId": session, "update": update}));
    }

    /// A request of ours, under a UUID; its answer comes by the receiver, as the whole message.
    pub(crate) fn request(&self, method: &str, params: Value) -> Receiver<Value> {
        let id = uuid();
        let (sender, receiver) = channel();
        lock(&self.awaited).insert(id.clone(), sender);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        receiver
    }

    /// Gives an answer to whoever awaits it. An answer that nobody awaits is an error of the client, said on stderr.
    pub(crate) fn answered(&self, message: Value) {
        let waiting = message["id"].as_str().and_then(|id| lock(&self.awaited).remove(id));
        match waiting {
            Some(sender) => drop(sender.send(message)),
            None => crate::complain(&format!("unexpected response {message}")),
        }
    }
}

/// A random UUID, version 4.
pub(crate) fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) != Ok(16) {
        std::process::exit(70);
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
