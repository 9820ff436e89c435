//! Connections: reads a call, checks and records it, applies faults, answers.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::Shared;
use super::answer::{Answer, Refusal, flood, ours, refused, response};
use super::fault::{DOWNLOAD, Fault};
use super::files::{self, Download, Pace};
use super::http::{self, Request, Response, read_request, write_response};
use super::params::{self, Params};
use super::schema::SCHEMA;
use super::state::{Call, State};
use super::{media, methods, updates};

/// Serves connections until the server is stopped.
pub fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.lock().stopped {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A client that hangs up in mid-request ends its connection here as it does at Telegram.
        std::thread::spawn(move || drop(connection(stream, &shared)));
    }
}

/// What becomes of a connection after a call.
enum Reply {
    Send(Response),
    /// Then the connection is closed.
    Part(Response, Pace),
    HangUp,
}

fn connection(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader)? {
        match reply(&request, shared, &stream) {
            Reply::Send(response) => write_response(&mut stream, &response)?,
            Reply::Part(response, pace) => return write_slowly(&mut stream, &response, pace, shared),
            Reply::HangUp => return stream.shutdown(std::net::Shutdown::Both),
        }
        if !request.keep_alive || shared.lock().stopped {
            break;
        }
    }
    Ok(())
}

fn reply(request: &Request, shared: &Shared, stream: &TcpStream) -> Reply {
    let path = params::percent_decoded(request.target.split('?').next().unwrap_or_default());
    let not_found = || Reply::Send(response(&Err(refused(404, "Not Found"))));
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return download(rest, request, shared, || hung_up(stream));
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else { return not_found() };
    if !token.split_once(':').is_some_and(|(id, secret)| id.parse::<i64>().is_ok() && !secret.is_empty()) {
        return not_found();
    }
    let mut state = shared.lock();
    if token != state.token {
        return Reply::Send(response(&Err(refused(401, "Unauthorized"))));
    }
    if !SCHEMA.has_method(method) {
        state.violations.push(format!("{method}: no such method"));
        return not_found();
    }
    let mut params = match params::read(request) {
        Ok(params) => params,
        Err(wrong) => {
            state.violations.push(format!("{method}: {wrong}"));
            return Reply::Send(response(&Err(refused(400, "Bad Request: can't parse the request"))));
        }
    };
    state.violations.extend(complete(&mut params, method));
    call(shared, state, method, &params, stream)
}

/// Reads texts as what they are by type, lets uploaded files stand for their parameters, and names those that nothing refers to.
fn complete(params: &mut Params, method: &str) -> Vec<String> {
    if params.textual {
        SCHEMA.read_texts(method, &mut params.values);
    }
    for upload in &params.uploads {
        if SCHEMA.fields(method).any(|field| field == upload.field) {
            params.values.entry(&upload.field).or_insert_with(|| json!(format!("attach://{}", upload.field)));
        }
    }
    let all = json!(params.values).to_string();
    let unused = params.uploads.iter().filter(|upload| !all.contains(&format!("\"attach://{}\"", upload.field)));
    unused.map(|upload| format!("{method}: nothing refers to the uploaded part `{}`", upload.field)).collect()
}

fn call(shared: &Shared, mut state: MutexGuard<'_, State>, method: &str, params: &Params, stream: &TcpStream) -> Reply {
    let index = state.calls.len();
    let call = Call { at: SystemTime::now(), method: method.to_owned(), params: params.values.clone(), answer: None };
    if state.is_impatient(&call) {
        state.violations.push(format!("{method}: sent again before retry_after had passed"));
    }
    state.calls.push(call);
    let misfits = SCHEMA.check_call(method, &params.values);
    let unreadable = misfits.iter().any(|misfit| misfit.unreadable);
    state.violations.extend(misfits.into_iter().map(|misfit| misfit.text));
    let fault = state.take_fault(method);
    shared.changed.notify_all();
    let gone = || hung_up(stream);
    if let Some(fault) = fault.as_ref().filter(|fault| !fault.carries_out()) {
        state.answered(index, fault.outcome());
        shared.changed.notify_all();
        drop(state);
        return instead(fault, shared, gone);
    }
    let (mut state, answer) = if unreadable {
        let answer = Err(unfit(method, params));
        (state, answer)
    } else if method == "getUpdates" {
        updates::get_updates(shared, state, &params.values, gone)
    } else {
        let answer = rated(&mut state, method, params).and_then(|()| methods::carry_out(&mut state, method, params));
        (state, answer)
    };
    if let Some(refusal) = answer.as_ref().err().filter(|refusal| refusal.violation) {
        state.violations.push(format!("{method}: {}: {}", refusal.description, json!(params.values)));
    }
    state.answered(index, answer.clone());
    shared.changed.notify_all();
    drop(state);
    after(fault.as_ref(), shared, &answer, gone)
}

/// Telegram's words for a parameter that is missing or wrong.
fn unfit(method: &str, params: &Params) -> Refusal {
    let missing = SCHEMA.missing(method, &params.values);
    Refusal {
        violation: false,
        ..ours(match missing.first() {
            Some(&"text") => "Bad Request: message text is empty".to_owned(),
            Some(&"message_id") => "Bad Request: message identifier is not specified".to_owned(),
            Some(name) => format!("Bad Request: {name} is empty"),
            None => "Bad Request: can't parse a parameter".to_owned(),
        })
    }
}

fn rated(state: &mut State, method: &str, params: &Params) -> Result<(), Refusal> {
    let counted = method.starts_with("send") && method != "sendChatAction" || method.starts_with("editMessage");
    let chat = params.values.get("chat_id").and_then(serde_json::Value::as_i64);
    match (&mut state.flood, chat) {
        (Some(rates), Some(chat)) if counted => rates.take(chat, media::count(&params.values)).map_err(flood),
        _ => Ok(()),
    }
}

/// The answer of a call that is not carried out.
fn instead(fault: &Fault, shared: &Shared, gone: impl Fn() -> bool) -> Reply {
    if let Some(refusal) = fault.refusal() {
        return Reply::Send(response(&Err(refusal)));
    }
    match fault {
        Fault::BadGateway => {
            let body = b"<html><head><title>502 Bad Gateway</title></head></html>".to_vec();
            Reply::Send(Response::new(502, "text/html", body))
        }
        Fault::Garbage => Reply::Send(Response::new(200, "application/json", b"{\"ok\":tru".to_vec())),
        Fault::Hang(time) => {
            wait(shared, *time, gone);
            Reply::HangUp
        }
        _ => Reply::HangUp,
    }
}

/// The answer of a call that was carried out.
fn after(fault: Option<&Fault>, shared: &Shared, answer: &Answer, gone: impl Fn() -> bool) -> Reply {
    match fault {
        Some(Fault::LoseReply) => return Reply::HangUp,
        Some(Fault::Slow(time)) => wait(shared, *time, gone),
        _ => {}
    }
    Reply::Send(response(answer))
}

/// Waits, but not for a server that ends or a client that has gone.
fn wait(shared: &Shared, time: Duration, gone: impl Fn() -> bool) {
    let until = Instant::now() + time;
    let mut state = shared.lock();
    while !state.stopped && !gone() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        state = shared.pause(state, left.min(Duration::from_millis(200)));
    }
}

fn hung_up(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let closed = match stream.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    closed || stream.set_nonblocking(false).is_err()
}

/// Serves the content of a file: `rest` is the token and the path.
fn download(rest: &str, request: &Request, shared: &Shared, gone: impl Fn() -> bool) -> Reply {
    let mut state = shared.lock();
    let Some((_, path)) = rest.split_once('/').filter(|(token, _)| *token == state.token) else { return Reply::Send(files::not_found()) };
    let fault = state.take_fault(DOWNLOAD);
    let response = files::content(&state, request, path);
    let served = matches!(fault, None | Some(Fault::Slow(_) | Fault::Cut(_) | Fault::Drip(..)));
    let status = if served { response.status } else { 0 };
    state.downloads.push(Download { at: SystemTime::now(), path: path.to_owned(), range: request.range.clone(), status });
    shared.changed.notify_all();
    drop(state);
    match fault {
        None => Reply::Send(response),
        Some(Fault::Slow(time)) => {
            wait(shared, time, gone);
            Reply::Send(response)
        }
        Some(Fault::Cut(bytes)) => Reply::Part(response, Pace::Cut(bytes)),
        Some(Fault::Drip(bytes, pause)) => Reply::Part(response, Pace::Drip(bytes, pause)),
        Some(fault) => instead(&fault, shared, gone),
    }
}

/// Writes an answer at a pace; afterwards the connection is closed.
fn write_slowly(stream: &mut TcpStream, response: &Response, pace: Pace, shared: &Shared) -> io::Result<()> {
    stream.write_all(http::head(response).as_bytes())?;
    match pace {
        Pace::Cut(bytes) => stream.write_all(&response.body[..bytes.min(response.body.len())])?,
        Pace::Drip(bytes, pause) => {
            for piece in response.body.chunks(bytes.max(1)) {
                wait(shared, pause, || hung_up(stream));
                stream.write_all(piece)?;
            }
        }
    }
    stream.shutdown(std::net::Shutdown::Both)
}
