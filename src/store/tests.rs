use super::*;
use crate::model::inbound::{Content, Inbound};
use crate::model::outbound::Message;
use crate::model::{ChannelKind, ThreadId, UserId};

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

fn text(event: i64) -> Inbound {
    Inbound {
        user: UserId::telegram(1),
        thread: ThreadId::telegram(1, None),
        event,
        at: 0,
        language: None,
        content: Content::text(event, "hello".to_owned()),
    }
}

fn message(thread: ThreadId, markdown: &str) -> Message {
    Message::answer(thread, markdown.to_owned())
}

fn key(user: i64, thread: ThreadId) -> SessionKey {
    SessionKey { user: UserId::telegram(user), thread, agent: "tg-acp".parse().unwrap() }
}

#[test]
fn an_event_is_taken_in_once_whatever_the_order_of_its_numbers() {
    let (_directory, store) = store();
    assert!(store.take_in(&text(900)).unwrap().is_some());
    assert!(store.take_in(&text(5)).unwrap().is_some(), "after an idle week the numbers start anew");
    assert!(store.take_in(&text(900)).unwrap().is_none());
    assert_eq!(store.inbox().unwrap().len(), 2);
}

#[test]
fn the_memory_of_events_is_bounded() {
    let (_directory, store) = store();
    for event in 0..5000 {
        store.take_in(&text(event)).unwrap();
    }
    assert_eq!(store.seen.len(), 4096);
    assert!(store.take_in(&text(4999)).unwrap().is_none());
}

#[test]
fn what_was_flushed_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = {
        let store = Store::open(directory.path()).unwrap();
        let id = store.take_in(&text(1)).unwrap().unwrap();
        store.mark(id, Phase::Delivered).unwrap();
        runtime.block_on(store.flush()).unwrap();
        id
    };
    let store = reopen(directory.path());
    assert_eq!(store.inbox().unwrap(), [(id, Entry { inbound: text(1), phase: Phase::Delivered })]);
    assert!(store.take_in(&text(1)).unwrap().is_none());
}

/// sled's threads let go of the lock shortly after the last handle is gone.
fn reopen(directory: &Path) -> Store {
    for _ in 0..10_000 {
        match Store::open(directory) {
            Err(StoreError::Locked(_)) => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
    panic!("the store stays locked");
}

#[test]
fn a_settled_entry_and_its_answer_change_places() {
    let (_directory, store) = store();
    let id = store.take_in(&text(1)).unwrap().unwrap();
    let thread = ThreadId::telegram(1, None);
    store.settle(id, Some(&message(thread, "answer"))).unwrap();
    assert!(store.inbox().unwrap().is_empty());
    let (place, waiting) = store.outbox_next(&thread).unwrap().unwrap();
    assert_eq!(waiting.markdown, "answer");
    store.outbox_progress(&place, 2).unwrap();
    assert_eq!(store.outbox_next(&thread).unwrap().unwrap().1.sent, 2);
    store.outbox_done(&place).unwrap();
    assert!(store.outbox_next(&thread).unwrap().is_none());
}

#[test]
fn an_interrupted_entry_stays_and_is_told_once() {
    let (_directory, store) = store();
    let id = store.take_in(&text(1)).unwrap().unwrap();
    let thread = ThreadId::telegram(1, None);
    store.interrupt(id, &message(thread, "interrupted")).unwrap();
    assert_eq!(store.entry(id).unwrap().unwrap().phase, Phase::Interrupted);
    assert!(store.outbox_next(&thread).unwrap().is_some());
}

#[test]
fn of_too_many_prompts_that_could_be_tried_again_the_oldest_is_let_go() {
    let (_directory, store) = store();
    let ids: Vec<EntryId> = (0..60).map(|event| store.take_in(&text(event)).unwrap().unwrap()).collect();
    let other = Inbound { user: UserId::telegram(2), ..text(60) };
    let other = store.take_in(&other).unwrap().unwrap();
    let notice = message(ThreadId::telegram(1, None), "failed");
    store.interrupt(other, &notice).unwrap();
    let given_up: Vec<EntryId> = ids.iter().filter_map(|id| store.interrupt(*id, &notice).unwrap()).collect();
    assert_eq!(given_up, ids[..10]);
    assert!(store.entry(ids[9]).unwrap().is_none() && store.entry(ids[10]).unwrap().is_some());
    assert_eq!(store.interrupt(ids[59], &notice).unwrap(), None, "it is there already");
    assert!(store.entry(other).unwrap().is_some(), "one's failures cost nobody else's");
}

#[test]
fn messages_leave_in_order_and_threads_do_not_mix() {
    let (_directory, store) = store();
    let (a, b) = (ThreadId::telegram(1, Some(7)), ThreadId::telegram(1, Some(8)));
    for n in 0..3 {
        store.post(&message(a, &format!("a{n}"))).unwrap();
        store.post(&message(b, &format!("b{n}"))).unwrap();
    }
    assert_eq!(store.outbox_threads(ChannelKind::Telegram).unwrap(), [a, b]);
    assert!(store.outbox_threads(ChannelKind::Local).unwrap().is_empty());
    for n in 0..3 {
        let (place, next) = store.outbox_next(&a).unwrap().unwrap();
        assert_eq!(next.markdown, format!("a{n}"));
        store.outbox_done(&place).unwrap();
    }
    assert_eq!(store.outbox_next(&b).unwrap().unwrap().1.markdown, "b0");
}

#[test]
fn a_session_is_found_only_under_its_owner() {
    let (_directory, store) = store();
    let thread = ThreadId::telegram(-5, Some(42));
    let mine = key(1, thread);
    let mut record = store.session(&mine).unwrap();
    record.acp = Some("sess_1".parse().unwrap());
    store.put_session(&mine, &record).unwrap();
    assert_eq!(store.session(&mine).unwrap().acp, record.acp);
    assert_eq!(store.session(&key(2, thread)).unwrap().acp, None, "the same thread, another user");
    assert!(matches!(store.put_session(&key(2, thread), &record), Err(StoreError::NotOwner)));
}

#[test]
fn a_session_left_by_new_is_kept_among_the_former_ones() {
    let mut record = SessionRecord::new(UserId::telegram(1));
    for n in 0..60 {
        record.acp = Some(format!("sess_{n}").parse().unwrap());
        record.leave();
    }
    assert_eq!(record.former.len(), 50);
    assert_eq!(record.former.last().map(|former| former.id.as_str()), Some("sess_59"));
}

#[test]
fn a_store_in_use_is_not_opened_a_second_time() {
    let (directory, _store) = store();
    assert!(matches!(Store::open(directory.path()), Err(StoreError::Locked(_))));
}

#[test]
fn a_newer_store_is_not_opened() {
    let (directory, store) = store();
    store.db.insert("schema", &99_u64.to_be_bytes()).unwrap();
    store.db.flush().unwrap();
    drop(store);
    let newer = (0..10_000).find_map(|_| match Store::open(directory.path()) {
        Err(StoreError::Locked(_)) => {
            std::thread::yield_now();
            None
        }
        other => Some(other),
    });
    assert!(matches!(newer, Some(Err(StoreError::Newer { found: 99, .. }))));
}

#[test]
fn a_damaged_store_gives_a_clear_error_and_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("conf"), b"garbage").unwrap();
    std::fs::write(directory.path().join("db"), vec![0x5a; 4096]).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(directory.path().join("db")).unwrap(), vec![0x5a; 4096]);
    assert_eq!(std::fs::read(directory.path().join("conf")).unwrap(), b"garbage");
}

#[test]
fn one_flipped_byte_in_a_closed_store_is_noticed() {
    let (directory, store) = store();
    store.take_in(&text(1)).unwrap();
    store.close().unwrap();
    let log = directory.path().join("db");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    assert!(matches!(Store::open(directory.path()), Err(StoreError::Damaged { .. })));
    bytes[100] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    assert_eq!(reopen(directory.path()).inbox().unwrap().len(), 1);
}

#[test]
fn a_store_whose_first_process_was_killed_before_it_was_durable_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("begun"), "").unwrap();
    std::fs::write(directory.path().join("db"), vec![0; 4096]).unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert!(store.inbox().unwrap().is_empty());
    assert!(!directory.path().join("begun").exists(), "from now on its log counts");
}

#[test]
fn a_store_with_the_largest_records_is_whole_after_a_kill_and_after_an_orderly_end() {
    let (directory, store) = store();
    let large = "x".repeat(crate::model::bounds::ANSWER);
    for text in [&large, "small"] {
        store.post(&message(ThreadId::telegram(1, None), text)).unwrap();
    }
    store.db.flush().unwrap();
    let killed = tempfile::tempdir().unwrap();
    copy(directory.path(), killed.path());
    let reopened = Store::open(killed.path()).unwrap();
    let first = |store: &Store| store.outbox_next(&ThreadId::telegram(1, None)).unwrap().unwrap().1.markdown;
    assert_eq!(first(&reopened), large);
    store.close().unwrap();
    assert_eq!(first(&Store::open(directory.path()).unwrap()), large);
}

/// What a killed process leaves: its files as they are on the disk.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn host(number: usize, answer: HostAnswer) -> HostRecord {
    let target = format!("h{number}.example:443").parse().unwrap();
    HostRecord { agent: "tg-acp".parse().unwrap(), target, answer, by: None, at: number as u64 }
}

#[test]
fn a_host_is_granted_to_its_agent_until_it_is_forgotten() {
    let (_directory, store) = store();
    let record = host(1, HostAnswer::Asked);
    assert!(store.put_host(&record).unwrap() && store.granted(&record.agent).unwrap().is_empty());
    let allowed = HostRecord { answer: HostAnswer::Always, ..record.clone() };
    assert!(store.put_host(&allowed).unwrap());
    assert_eq!(store.granted(&record.agent).unwrap(), std::slice::from_ref(&record.target));
    assert!(store.granted(&"tg".parse().unwrap()).unwrap().is_empty(), "another agent, whose name begins this one's");
    assert_eq!(store.host(&record.agent, &record.target).unwrap(), Some(allowed.clone()));
    store.forget_host(&allowed).unwrap();
    assert!(store.hosts().unwrap().is_empty());
}

#[test]
fn remembered_hosts_are_bounded_and_what_is_allowed_is_never_forgotten_for_a_question() {
    let (_directory, store) = store();
    let kept = (0..100).filter(|number| store.put_host(&host(*number, HostAnswer::Always)).unwrap()).count();
    assert_eq!(kept, ALWAYS);
    for number in 1000..1400 {
        assert!(store.put_host(&host(number, HostAnswer::Asked)).unwrap());
    }
    let hosts = store.hosts().unwrap();
    assert_eq!((hosts.len(), store.granted(&hosts[0].agent).unwrap().len()), (256, ALWAYS));
    assert!(hosts.contains(&host(1399, HostAnswer::Asked)) && !hosts.contains(&host(1000, HostAnswer::Asked)));
}
